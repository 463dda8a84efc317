# Regenerates tests/pinned/multilevel.json: multilevel models, structures and sampling covariances.
# Usage: Rscript multilevel.R ../../tests/pinned/multilevel.json
suppressMessages({
  library(metafor); library(jsonlite)
})
out <- commandArgs(trailingOnly = TRUE)[1]
tight <- list(rel.tol = 1e-10, iter.max = 2000, eval.max = 4000)

# Simulated: 4 labs, 16 studies, 3 outcomes at 4 times; random effects of studies and outcomes.
set.seed(31)
study <- rep(1:16, each = 4)
k <- length(study)
d <- data.frame(
  lab = ceiling(study / 4), study = study, effect = seq_len(k),
  outcome = rep(c("area", "fat", "power", "area"), 16),
  muscle = sample(c("iliacus", "multifidus", "psoas", "quadratus"), k, TRUE),
  time = rep(c(1, 2, 4, 7), 16),
  vi = round(runif(k, 0.02, 0.15), 3), x = round(rnorm(k), 2),
  n1 = sample(10:40, k, TRUE), n2 = sample(10:40, k, TRUE)
)
d$control <- paste0("c", ifelse(d$time < 4, 1, 2))
d$treated <- paste0("t", d$time)
b <- rnorm(16, 0, 0.35)[study] + rnorm(4, 0, 0.2)[as.integer(factor(d$muscle))]
d$yi <- round(0.3 + 0.1 * d$x + b + rnorm(k, 0, 0.25) + rnorm(k) * sqrt(d$vi), 3)

answer <- function(m) {
  list(b = as.numeric(m$b), se = m$se, ll = as.numeric(logLik(m)), sigma2 = m$sigma2,
       tau2 = m$tau2, rho = m$rho, ddf = m$ddf, QE = m$QE, QM = m$QM, AIC = AIC(m),
       BIC = BIC(m), AICc = AIC(m, correct = TRUE))
}
fit <- function(random, ...) {
  answer(rma.mv(yi, vi, mods = ~ x, random = random, data = d, control = tight, ...))
}
che <- vcalc(vi, cluster = study, obs = effect, rho = 0.6, data = d)
typed <- vcalc(vi, cluster = study, type = outcome, obs = effect, rho = c(0.6, 0.3), data = d)
fits <- list(
  four_levels = fit(~ 1 | lab / study / effect),
  crossed = fit(list(~ 1 | study, ~ 1 | muscle, ~ 1 | effect)),
  crossed_ML = fit(list(~ 1 | study, ~ 1 | muscle, ~ 1 | effect), method = "ML"),
  fixed = fit(~ 1 | study / effect, sigma2 = c(0.1, NA)),
  contain = fit(~ 1 | study / effect, test = "t", dfs = "contain"),
  CS = fit(~ outcome | study, struct = "CS"),
  HCS = fit(~ outcome | study, struct = "HCS"),
  UN = fit(~ outcome | study, struct = "UN"),
  DIAG = fit(~ outcome | study, struct = "DIAG"),
  AR = fit(~ time | study, struct = "AR"),
  CAR = fit(~ time | study, struct = "CAR"),
  che = answer(rma.mv(yi, che, mods = ~ x, random = ~ 1 | study / effect, data = d, control = tight)),
  typed = answer(rma.mv(yi, typed, mods = ~ x, random = ~ 1 | study / effect, data = d,
                        control = tight))
)
m <- rma.mv(yi, typed, random = ~ outcome | study, struct = "CS", data = d, control = tight)
effects <- ranef(m)
two <- subset(d, outcome != "power")
un <- rma.mv(yi, vi, mods = ~ x, random = ~ outcome | study, struct = "UN", data = two,
             control = tight)
covariances <- list(
  typed = typed,
  matrix = vcalc(vi, cluster = study, type = outcome, obs = effect, data = d, checkpd = FALSE,
                 rho = c(0.5, 0.5)),
  time = vcalc(vi, cluster = study, time1 = time, phi = 0.8, data = d),
  obs_time = vcalc(vi, cluster = study, obs = effect, time1 = time, rho = 0.7, phi = 0.8, data = d),
  groups = vcalc(vi, cluster = study, grp1 = treated, grp2 = control, w1 = n1, w2 = n2, data = d),
  equal_groups = vcalc(vi, cluster = study, grp1 = treated, grp2 = control, data = d),
  subgroup = vcalc(vi, cluster = study, subgroup = outcome, obs = effect, rho = 0.6, data = d)
)
pins <- list(
  versions = list(R = R.version.string, metafor = as.character(packageVersion("metafor"))),
  data = d, fits = fits,
  ranef = list(u = effects[[1]]$intrcpt, se = effects[[1]]$se, names = rownames(effects[[1]])),
  un_two = answer(un),
  covariances = lapply(covariances, function(V) V[1:8, 1:8])
)
write(toJSON(pins, digits = 12, auto_unbox = TRUE, null = "null", na = "null"), out)
