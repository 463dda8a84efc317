// Tables can be read without this; with it a click, or Enter, on a header sorts its column.
"use strict";
for (const table of document.querySelectorAll("main table")) {
  const body = table.tBodies[0];
  if (body.rows.length < 3) continue;
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Sort by this column";
    button.append(...header.childNodes);
    header.append(button);
    const key = (row) => {
      const text = row.cells[column].textContent.trim();
      const digits = text.replace(/[\s\u202f,]/g, "").replace("\u2212", "-").replace(/^</, "");
      const number = Number.parseFloat(digits);
      return { text, number: header.className === "number" ? number : Number.NaN };
    };
    button.addEventListener("click", () => {
      const down = header.getAttribute("aria-sort") === "ascending";
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => ({ row, ...key(row) }));
      const none = (one) => one.text === "" || one.text === "\u2013";
      rows.sort((a, b) => {
        // What is not there stays at the end, whichever way the rest goes.
        if (none(a) || none(b)) return none(a) - none(b);
        const both = !Number.isNaN(a.number) && !Number.isNaN(b.number);
        const order = both
          ? a.number - b.number
          : a.text.localeCompare(b.text, "en", { numeric: true });
        return down ? -order : order;
      });
      body.append(...rows.map((one) => one.row));
    });
  });
}
