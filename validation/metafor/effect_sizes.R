# Effect sizes and variances of metafor's escalc() for tests/pinned/effect_sizes.json.
# Run from the repository root: Rscript validation/metafor/effect_sizes.R

suppressMessages({library(metafor); library(metadat); library(jsonlite)})
source("validation/metafor/pin.R")

groups <- data.frame(
  m1i = c(10.2, 3.1, 55, 7.5, 101.3), sd1i = c(2.1, 0.9, 12, 2.2, 14.8), n1i = c(12, 9, 15, 25, 6),
  m2i = c(8.9, 3.6, 49, 7.1, 90.1), sd2i = c(2.6, 0.7, 15, 1.9, 16.2), n2i = c(10, 11, 14, 30, 5))
tables <- data.frame(ai = c(5, 8, 0, 12), bi = c(10, 4, 6, 8), ci = c(3, 9, 4, 0), di = c(12, 7, 5, 0))
genotypes <- tables[1:2, c("ai", "bi", "ci")]
margins <- data.frame(ai = c(5, 8), bi = c(10, 4), ci = c(3, 9), di = c(12, 3), ri = c(0.3, -0.2))
events <- data.frame(x1i = c(0, 3, 0, 9), t1i = c(10, 20, 30, 45.5), x2i = c(2, 4, 0, 5), t2i = c(11, 19, 31, 40))
change <- data.frame(
  m1i = c(30.6, 23.5, 0.5), m2i = c(38.5, 26.8, 0.7), sd1i = c(15, 3.1, 0.1), sd2i = c(11.6, 4.1, 0.12),
  ni = c(20, 50, 9), ri = c(0.47, 0.64, 0.77))
pairs <- data.frame(ri = c(0.3, -0.5, 0.1, 0.9), ni = c(20, 35, 8, 5))
regressions <- data.frame(ti = c(2.1, -1, 0.3), ni = c(50, 40, 30), mi = c(3, 2, 5), r2i = c(0.4, 0.3, 0.2))
shares <- data.frame(xi = c(3, 0, 10, 8), ni = c(20, 15, 30, 8))
rates <- data.frame(xi = c(0, 3, 9), ti = c(10, 20, 30.5))
means <- data.frame(mi = c(5, 20.5, 0.3), sdi = c(1, 7, 0.2), ni = c(10, 40, 3))
alphas <- data.frame(ai = c(0.8, 0.7), mi = c(5, 6), ni = c(40, 50))
normand <- dat.normand1999[, c("m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i")]
bcg <- setNames(dat.bcg[, c("tpos", "tneg", "cpos", "cneg")], c("ai", "bi", "ci", "di"))

cases <- list()
# metafor leaves the variance of some dropped studies in place; a row without yi has none here
add_case <- function(data, measure, options = setNames(list(), character(0))) {
  result <- suppressWarnings(do.call(escalc, c(list(measure = measure, append = FALSE), as.list(data), options)))
  cases[[length(cases) + 1]] <<- list(
    measure = unbox(measure), options = setNames(lapply(options, unbox), names(options)), data = as.list(data),
    yi = as.numeric(result$yi), vi = as.numeric(ifelse(is.na(result$yi), NA, result$vi)))
}

for (data in list(groups, normand)) {
  for (m in c("MD", "SMD", "SMDH", "SMD1", "SMD1H", "ROM", "CVR", "VR", "RPB", "RBIS", "D2ORN", "D2ORL")) add_case(data, m)
  for (v in c("LS2", "UB", "AV")) { add_case(data, "SMD", list(vtype = v)); add_case(data, "SMD1", list(vtype = v)) }
  for (v in c("HO", "AV", "AVHO")) add_case(data, "ROM", list(vtype = v))
  add_case(data, "MD", list(vtype = "HO"))
  add_case(data, "RPB", list(vtype = "CS"))
}
two_by_two <- c("RR", "OR", "RD", "AS", "PETO", "PHI", "YUQ", "YUY", "PBIT", "OR2DN", "OR2DL")
for (m in two_by_two) {
  add_case(bcg, m)
  add_case(tables, m)
  for (to in c("all", "if0all", "none")) add_case(tables, m, list(to = to, add = 0.5))
  add_case(tables, m, list(drop00 = TRUE))
}
add_case(tables, "PHI", list(vtype = "ST"))
for (v in c("UB", "AV")) add_case(tables, "RD", list(vtype = v))
for (m in c("MPRD", "MPRR", "MPOR", "MPORC", "MPPETO")) add_case(tables[1:3, ], m)
add_case(margins, "MPORM")
add_case(genotypes, "REH")
for (m in c("IRR", "IRD", "IRSD")) {
  add_case(events, m)
  for (to in c("all", "if0all", "none")) add_case(events, m, list(to = to, add = 0.25))
  add_case(events, m, list(drop00 = TRUE))
}
for (m in c("MC", "SMCC", "SMCR", "SMCRH", "ROMC", "CVRC", "VRC")) add_case(change, m)
for (m in c("SMCC", "SMCR")) add_case(change, m, list(vtype = "LS2"))
for (m in c("COR", "UCOR", "ZCOR")) add_case(pairs, m)
for (m in c("COR", "UCOR")) add_case(pairs, m, list(vtype = "AV"))
add_case(pairs, "UCOR", list(vtype = "UB"))
for (m in c("PCOR", "ZPCOR", "SPCOR")) add_case(regressions, m)
add_case(regressions, "PCOR", list(vtype = "AV"))
for (m in c("PR", "PLN", "PLO", "PAS", "PFT")) {
  add_case(shares, m)
  for (to in c("all", "if0all", "none")) add_case(shares, m, list(to = to, add = 0.5))
}
for (m in c("PR", "PLN", "PLO")) add_case(shares, m, list(vtype = "AV"))
add_case(shares, "PR", list(vtype = "UB"))
for (m in c("IR", "IRLN", "IRS", "IRFT")) { add_case(rates, m); add_case(rates, m, list(to = "all", add = 0.5)) }
for (m in c("MN", "MNLN", "CVLN", "SDLN")) add_case(if (m == "SDLN") means[, c("sdi", "ni")] else means, m)
for (m in c("ARAW", "AHW", "ABT")) add_case(alphas, m)

pin("effect_sizes", cases)
