# Groups, trend, ROC, calibration and sample sizes by base R, emmeans, car, pROC, rms and pwr, for
# tests/pinned/groups.json. Run from the repository root: Rscript validation/cohort/groups.R

suppressMessages({library(emmeans); library(car); library(pROC); library(rms); library(pwr); library(jsonlite)})
number <- function(x) as.numeric(x)

# A cohort, simulated here and rounded: three stages of unequal size, one covariate of each kind.
set.seed(41)
n <- c(17, 22, 14)
cohort <- data.frame(
  group = factor(rep(c("Control", "OPN", "OP"), n), levels = c("Control", "OPN", "OP")),
  age = round(rnorm(53, rep(c(62, 66, 71), n), 6), 1),
  sex = sample(c("female", "male"), 53, TRUE, c(0.7, 0.3)))
cohort$csa <- round(900 - 45 * (as.integer(cohort$group) - 1) - 4 * (cohort$age - 65) +
  120 * (cohort$sex == "male") + rnorm(53, 0, 80))
cohort$csa[5] <- cohort$csa[20] # a tie between groups

plain <- lm(csa ~ group, cohort)
full <- lm(csa ~ group + age + sex, cohort)
crossed <- lm(csa ~ group * (age + sex), cohort)
means <- emmeans(full, "group", weights = "proportional")
shares <- n[2:3] / sum(n[2:3])
weights <- list(
  "OP vs Control" = c(-1, 0, 1), "OPN vs Control" = c(-1, 1, 0), "OP vs OPN" = c(0, -1, 1),
  "OP vs Non-OP" = c(-n[1], -n[2], sum(n[1:2])) / sum(n[1:2]), "OP&OPN vs Control" = c(-1, shares))
adjusted <- as.data.frame(summary(emmeans::contrast(means, weights), infer = c(TRUE, TRUE), adjust = "none"))
linear <- as.data.frame(summary(emmeans::contrast(means, list(c(-0.5, 0, 0.5))), infer = c(TRUE, TRUE)))
table <- as.data.frame(means)
between <- Anova(full, type = 2)["group", ]
slopes <- anova(full, crossed)[2, ]
levene <- leveneTest(csa ~ group, cohort, center = median)
kendall <- suppressWarnings(cor.test(cohort$csa, as.integer(cohort$group), method = "kendall", exact = FALSE))
groups <- list(
  data = as.list(transform(cohort, group = as.character(group))),
  means = table$emmean, std_errors = table$SE, df = unbox(table$df[1]),
  ci_lower = table$lower.CL, ci_upper = table$upper.CL,
  between = c(between[["F value"]], between[["Pr(>F)"]]), slopes = c(slopes$F, slopes[["Pr(>F)"]]),
  contrasts = lapply(setNames(seq_len(nrow(adjusted)), names(weights)), function(i)
    number(adjusted[i, c("estimate", "SE", "t.ratio", "p.value")])),
  linear = number(linear[1, c("estimate", "SE", "t.ratio", "p.value")]),
  levene = c(levene[["F value"]][1], levene[["Pr(>F)"]][1]),
  shapiro = number(unlist(shapiro.test(resid(full))[c("statistic", "p.value")])),
  kruskal_p = unbox(kruskal.test(csa ~ group, cohort)$p.value),
  jonckheere = number(unlist(kendall[c("statistic", "p.value")])))

# Two groups: Welch's test, and intervals of the noncentrality by inversion of R's pt.
noncentral <- function(t, df, p) uniroot(function(d) pt(t, df, d) - p, c(t - 12, t + 12), tol = 1e-13)$root
two <- function(x, y) {
  df <- length(x) + length(y) - 2
  sp <- sqrt(((length(x) - 1) * var(x) + (length(y) - 1) * var(y)) / df)
  scale <- sqrt(1 / length(x) + 1 / length(y))
  d <- (mean(x) - mean(y)) / sp
  j <- exp(lgamma(df / 2) - log(sqrt(df / 2)) - lgamma((df - 1) / 2))
  welch <- t.test(x, y)
  list(first = x, second = y, g = unbox(j * d),
    ci = c(noncentral(d / scale, df, 0.975), noncentral(d / scale, df, 0.025)) * scale,
    welch = number(c(welch$statistic, welch$parameter, welch$p.value, welch$conf.int)))
}
values <- split(cohort$csa, cohort$group)
pairs <- list(two(values$OP, values$Control), two(values$OPN, values$OP), two(c(1, 2, 4), c(9, 10.5)))

# Two scores of a risk, with many ties.
set.seed(42)
event <- rep(0:1, c(48, 29))
scores <- data.frame(event, first = round(rnorm(77, event * 1.2), 1), second = round(rnorm(77, event * 0.7)))
quiet <- function(x) roc(scores$event, x, levels = c(0, 1), direction = "<", quiet = TRUE)
one <- quiet(scores$first); other <- quiet(scores$second)
test <- roc.test(one, other, method = "delong", paired = TRUE)
curves <- list(
  data = as.list(scores), auc = number(c(auc(one), auc(other))), variance = c(var(one), var(other)),
  covariance = unbox(cov(one, other)), ci = number(ci(one)[c(1, 3)]),
  test = number(c(test$statistic, test$p.value)))

# A logistic model, judged where it was not fitted.
set.seed(43)
risk <- data.frame(age = round(rnorm(160, 66, 8), 1), csa = round(rnorm(160, 850, 110)))
risk$event <- rbinom(160, 1, plogis(-0.6 + 0.07 * (risk$age - 66) - 0.009 * (risk$csa - 850)))
model <- glm(event ~ age + csa, binomial, risk[1:90, ], control = list(epsilon = 1e-14, maxit = 50))
p <- predict(model, risk[91:160, ], type = "response")
y <- risk$event[91:160]
judged <- val.prob(p, y, pl = FALSE)
large <- glm(y ~ 1, binomial, offset = qlogis(p), control = list(epsilon = 1e-14))
recalibrated <- glm(y ~ qlogis(p), binomial, control = list(epsilon = 1e-14))
prediction <- list(
  data = as.list(risk), n_fitted = unbox(90L),
  coefficients = number(coef(model)), std_errors = number(sqrt(diag(vcov(model)))),
  log_likelihood = unbox(number(logLik(model))), predicted = number(p),
  brier = unbox(judged[["Brier"]]), ici = unbox(judged[["Eavg"]]), e90 = unbox(judged[["E90"]]),
  e_max = unbox(judged[["Emax"]]),
  intercept = c(coef(large), sqrt(vcov(large))) |> number(),
  slope = number(c(coef(recalibrated)[2], sqrt(vcov(recalibrated)[2, 2]))))

sizes <- list(
  difference = lapply(list(c(0.5, 0.8, 0.05), c(0.8, 0.9, 0.05), c(0.2, 0.8, 0.05), c(0.35, 0.95, 0.01)), function(x)
    c(x, pwr.t.test(d = x[1], power = x[2], sig.level = x[3])$n)),
  power_of_48_and_96 = unbox(pwr.t2n.test(n1 = 48, n2 = 96, d = 0.5)$power),
  auc = lapply(list(c(0.7, 0.8, 1), c(0.8, 0.9, 2), c(0.65, 0.8, 0.5)), function(x)
    c(x, power.roc.test(auc = x[1], power = x[2], kappa = x[3], sig.level = 0.05, alternative = "two.sided")$ncases)))

p_values <- c(0.01, 0.04, 0.03, 0.005, 0.2, 0.03)
versions <- list(r = unbox(R.version.string))
for (package in c("emmeans", "car", "pROC", "rms", "pwr")) versions[[package]] <- unbox(as.character(packageVersion(package)))
content <- list(
  versions = versions, script = unbox("validation/cohort/groups.R"), groups = groups, pairs = pairs, curves = curves,
  prediction = prediction, sizes = sizes,
  multiplicity = list(p = p_values, holm = p.adjust(p_values, "holm"), bh = p.adjust(p_values, "BH")))
writeLines(toJSON(content, digits = NA, na = "null"), "tests/pinned/groups.json")
cat("tests/pinned/groups.json\n")
