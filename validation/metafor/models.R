# Fitted models of metafor (and clubSandwich's tests of one) for tests/pinned/models.json.
# Run from the repository root: Rscript validation/metafor/models.R
# Iterative estimates are converged far beyond metafor's defaults (about 1e-5).

suppressMessages({library(metafor); library(metadat); library(clubSandwich); library(jsonlite)})
source("validation/metafor/pin.R")

tight <- list(threshold = 1e-13, tol = 1e-13, maxiter = 10000)
tight_mv <- list(rel.tol = 1e-10)
number <- function(x) as.numeric(x)

bcg <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
bcg <- data.frame(study = bcg$trial, yi = number(bcg$yi), vi = number(bcg$vi), ablat = bcg$ablat,
                  year = bcg$year, alloc = as.character(bcg$alloc))
hackshaw <- data.frame(study = dat.hackshaw1998$study, yi = dat.hackshaw1998$yi, vi = dat.hackshaw1998$vi)
konst <- dat.konstantopoulos2011[, c("district", "school", "year", "yi", "vi")]
konst <- data.frame(lapply(konst, number))
konst$year <- konst$year - 1990 # an uncentred year leaves the optimiser no digits

cases <- list()
add_case <- function(job, data, options, expected) {
  cases[[length(cases) + 1]] <<- list(
    job = unbox(job), data = unbox(data),
    options = setNames(lapply(options, unbox), names(options)),
    expected = lapply(expected, function(x) if (length(x) == 1) unbox(x) else x))
}

mods <- list(none = ~ 1, ablat = ~ ablat, alloc = ~ ablat + alloc)
written <- list(ablat = "~ ablat", alloc = "~ ablat + alloc")
for (method in c("EE", "DL", "HE", "HS", "HSk", "SJ", "ML", "REML", "EB", "PM", "PMM")) {
  for (m in names(mods)) for (test in c("z", "knha", "adhoc")) {
    if (method == "EE" && test != "z") next
    if (!(method %in% c("DL", "REML")) && test == "adhoc") next
    fit <- rma(yi, vi, mods = mods[[m]], data = bcg, method = method, test = test, control = tight)
    add_case("pool", "bcg", c(list(method = method, test = test), if (m != "none") list(mods = written[[m]])),
             list(coefficients = number(fit$beta), std_errors = number(fit$se), p_values = number(fit$pval),
                  ci_lower = number(fit$ci.lb), ci_upper = number(fit$ci.ub), tau2 = fit$tau2,
                  q = fit$QE, q_p = fit$QEp, i2 = fit$I2, h2 = fit$H2,
                  log_likelihood = if (method == "REML") fit$fit.stats["ll", "REML"] else NULL))
  }
}

for (estimator in c("ML", "REML")) for (m in c("none", "year")) {
  fit <- rma.mv(yi, vi, mods = if (m == "year") ~ year else ~ 1, random = ~ 1 | district / school, data = konst,
                method = estimator, test = "z", sparse = FALSE, control = tight_mv)
  add_case("multilevel", "konst",
           c(list(random = "district/school", method = estimator, test = "z"), if (m == "year") list(mods = "~ year")),
           list(coefficients = number(fit$beta), std_errors = number(fit$se), components = fit$sigma2,
                q = fit$QE, log_likelihood = number(logLik(fit))))
}

fit <- rma.mv(yi, vi, mods = ~ year, random = ~ 1 | district / school, data = konst,
              control = tight_mv)
small <- coef_test(fit, vcov = "CR2", cluster = konst$district)
both <- Wald_test(fit, constraints = constrain_zero(1:2), vcov = "CR2", cluster = konst$district, test = "HTZ")
add_case("robust", "konst", list(random = "district/school", mods = "~ year", cluster = "district"),
         list(std_errors = small$SE, df = small$df, p_values = small$p_Satt,
              htz_statistic = both$Fstat, htz_df = both$df_denom, htz_p = both$p_val))

for (name in c("hackshaw", "bcg")) for (estimator in c("L0", "R0")) {
  fit <- rma(yi, vi, data = get(name), method = "DL")
  filled <- trimfill(fit, estimator = estimator)
  add_case("trim_and_fill", name, list(estimator = estimator),
           list(k0 = filled$k0, side = filled$side, estimate = number(filled$beta), std_error = filled$se,
                tau2 = filled$tau2))
}
for (name in c("hackshaw", "bcg")) for (predictor in c("sei", "vi")) {
  fit <- rma(yi, vi, data = get(name), method = "REML", test = "z", control = tight)
  mixed <- regtest(fit, predictor = predictor)
  add_case("egger", name, list(predictor = predictor, model = "mixed"),
           list(statistic = mixed$zval, p = mixed$pval))
  classical <- regtest(fit, predictor = predictor, model = "lm")
  add_case("egger", name, list(predictor = predictor, model = "lm"),
           list(statistic = classical$zval, p = classical$pval))
}

pin("models", cases, datasets = list(bcg = bcg, hackshaw = hackshaw, konst = konst))
