# Regenerates tests/pinned/robust.json: cluster-robust inference by clubSandwich, metafor, robumeta.
# Usage: Rscript robust.R ../../tests/pinned/robust.json
suppressMessages({
  library(metafor); library(clubSandwich); library(robumeta); library(jsonlite)
})
out <- commandArgs(trailingOnly = TRUE)[1]

# Simulated: 9 studies with 1 to 6 effects, one moderator within and one between studies.
set.seed(20)
sizes <- c(1, 2, 6, 4, 3, 5, 2, 4, 3)
study <- rep(seq_along(sizes), sizes)
k <- length(study)
d <- data.frame(
  study = study, effect = seq_len(k),
  vi = round(runif(k, 0.02, 0.30), 3),
  age = round(rnorm(length(sizes), 50, 10))[study],
  male = round(runif(k), 2),
  weight = sample(1:5, k, TRUE)
)
d$yi <- round(0.4 + 0.3 * rnorm(length(sizes))[study] + rnorm(k) * sqrt(d$vi), 3)

coefs <- function(m, type) {
  r <- coef_test(m, vcov = type, cluster = d$study, test = c("Satterthwaite"))
  list(beta = r$beta, se = r$SE, df = r[["df_Satt"]], p = r[["p_Satt"]])
}
types <- c("CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3")
models <- list(
  pool_dl = rma(yi, vi, mods = ~ age + male, data = d, method = "DL"),
  pool_user_weights = rma(yi, vi, mods = ~ age + male, weights = weight, data = d, method = "DL"),
  equal_effects = rma(yi, vi, mods = ~ age + male, data = d, method = "FE")
)
pins <- lapply(models, function(m) setNames(lapply(types, coefs, m = m), types))

m <- models$pool_dl
V <- vcovCR(m, type = "CR2", cluster = d$study)
w <- Wald_test(m, constrain_zero(2:3), vcov = V, test = "All")
contrasts <- linear_contrast(m, vcov = V, contrasts = rbind(c(1, 50, 0), c(1, 60, 0.5)),
                             test = "Satterthwaite", p_values = TRUE)
metafor_robust <- robust(m, cluster = d$study)
few <- rma(yi, vi, mods = ~ age + male, data = d, method = "DL", subset = study %in% 3:6)
few_wald <- Wald_test(few, constrain_zero(1:3), cluster = d$study[d$study %in% 3:6],
                      vcov = "CR2", test = "All")
# Three levels with correlated sampling errors, and labs that cross the studies; variances given.
d$lab <- rep(1:5, length.out = k)
che <- rma.mv(yi, impute_covariance_matrix(d$vi, d$study, r = 0.7), mods = ~ age + male,
              random = ~ 1 | study / effect, data = d, sigma2 = c(0.05, 0.02))
crossed <- rma.mv(yi, vi, mods = ~ male, random = list(~ 1 | lab, ~ 1 | study), data = d,
                  sigma2 = c(0.1, 0.2))
crossed_robust <- robust(crossed, cluster = d$study, adjust = FALSE)
corr <- robu(yi ~ age + male, d, studynum = study, var.eff.size = vi, rho = 0.6, small = TRUE)
# Effects that agree better than their sampling errors allow: omega^2 is truncated, tau^2 is not.
d$calm <- round(0.5 + 0.35 * rnorm(length(sizes))[study] + 0.3 * rnorm(k) * sqrt(d$vi), 3)
hier <- robu(calm ~ age, d, studynum = study, var.eff.size = vi, modelweights = "HIER", small = TRUE)
robu_pin <- function(m) list(
  b = m$reg_table$b.r, se = m$reg_table$SE, df = m$reg_table$dfs,
  tau2 = c(m$mod_info$tau.sq), omega2 = c(m$mod_info$omega.sq), i2 = c(m$mod_info$I.2)
)

write_json(list(
  program = paste("R", getRversion(), "metafor", packageVersion("metafor"), "clubSandwich",
                  packageVersion("clubSandwich"), "robumeta", packageVersion("robumeta")),
  script = "validation/metafor/robust.R",
  data = d, models = pins,
  wald = as.data.frame(w)[, c("test", "Fstat", "df_num", "df_denom", "p_val")],
  few_wald = as.data.frame(few_wald)[, c("test", "Fstat", "df_num", "df_denom", "p_val")],
  contrasts = as.data.frame(contrasts),
  metafor_robust = list(se = metafor_robust$se, df = metafor_robust$dfs,
                        p = metafor_robust$pval, QM = metafor_robust$QM, QMp = metafor_robust$QMp),
  che = coefs(che, "CR2"), crossed = list(se = crossed_robust$se, b = c(crossed_robust$beta)),
  correlated = robu_pin(corr), hierarchical = robu_pin(hier)
), out, digits = NA, auto_unbox = TRUE, pretty = TRUE)
