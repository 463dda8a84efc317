# Write one file of pinned numbers with the versions that made them; sourced by the other scripts.

pin <- function(name, cases, datasets = NULL) {
  versions <- list(r = unbox(R.version.string))
  for (p in c("metafor", "metadat", "clubSandwich"))
    versions[[p]] <- unbox(as.character(packageVersion(p)))
  content <- list(versions = versions, script = unbox(paste0("validation/metafor/", name, ".R")), cases = cases)
  if (!is.null(datasets)) content$datasets <- lapply(datasets, as.list)
  path <- file.path("tests", "pinned", paste0(name, ".json"))
  writeLines(toJSON(content, digits = NA, na = "null", null = "null"), path)
  cat(path, length(cases), "cases\n")
}
