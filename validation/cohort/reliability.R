# Reliability and agreement by psych, epiR and base R, for tests/pinned/reliability.json.
# Run from the repository root: Rscript validation/cohort/reliability.R

suppressMessages({library(psych); library(epiR); library(jsonlite)})
number <- function(x) as.numeric(x)

# Shrout and Fleiss 1979, table 2; the others are simulated here and rounded.
shrout_fleiss <- matrix(c(9,2,5,8, 6,1,3,2, 8,4,6,8, 7,1,2,6, 10,5,6,9, 6,2,4,7), ncol = 4, byrow = TRUE)
set.seed(20)
areas <- round(outer(rnorm(25, 900, 150), c(0, 12, -8), "+") + rnorm(75, 0, 30), 1)
noise <- round(matrix(rnorm(24), 8), 2)
icc <- lapply(list(shrout_fleiss, areas, noise), function(x) {
  r <- suppressWarnings(ICC(x, lmer = FALSE))$results
  list(ratings = x, forms = c("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"),
       estimate = number(r$ICC), ci_lower = number(r[["lower bound"]]), ci_upper = number(r[["upper bound"]]),
       f = number(r$F), df1 = number(r$df1), df2 = number(r$df2), p_value = number(r$p))
})

# Bland and Altman 1986, table 1: first readings of the large and the mini Wright peak flow meter, l/min.
large <- c(494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427)
mini <- c(512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451)
ccc <- lapply(list(list(large, mini), list(areas[, 1], areas[, 2])), function(x) {
  r <- epi.ccc(x[[1]], x[[2]])
  list(first = x[[1]], second = x[[2]], estimate = unbox(r$rho.c$est), ci_lower = unbox(r$rho.c$lower),
       ci_upper = unbox(r$rho.c$upper), accuracy = unbox(r$C.b))
})
d <- large - mini
line <- summary(lm(d ~ I((large + mini) / 2)))$coefficients
agreement <- list(first = large, second = mini, bias = unbox(mean(d)), sd = unbox(sd(d)),
                  bias_ci = number(t.test(d)$conf.int), slope = unbox(line[2, 1]), slope_p = unbox(line[2, 4]),
                  shapiro_p = unbox(shapiro.test(d)$p.value))

# Factors of the exact intervals of the limits: quantiles of noncentral t over sqrt(n).
sizes <- c(5, 10, 17, 50, 100)
factors <- t(sapply(sizes, function(n) suppressWarnings(qt(c(.025, .975), n - 1, qnorm(.975) * sqrt(n)) / sqrt(n))))

# Several pairs a subject: components of variance by lm.
set.seed(21)
subject <- rep(1:12, times = c(5, 4, 6, 5, 6, 4, 4, 6, 3, 5, 6, 6))
true <- rnorm(12, 5, 1.5)[subject] + rnorm(60, 0, .3)
first <- round(true + .4 + rnorm(12, 0, .6)[subject] + rnorm(60, 0, .2), 2)
second <- round(true + rnorm(60, 0, .2), 2)
table <- anova(lm(I(first - second) ~ factor(subject)))
m <- table(subject); total <- sum(m)
m0 <- (total - sum(m^2) / total) / (length(m) - 1)
between <- (table[1, 3] - table[2, 3]) / m0
repeated <- list(subjects = subject, first = first, second = second, bias = unbox(mean(first - second)),
                 sd = unbox(sqrt(between + table[2, 3])))

a <- c(0,1,1,2,3,3,2,1,0,2,3,1,2,2,0,1,3,2,1,0)
b <- c(0,1,2,2,3,2,2,1,1,2,3,0,2,1,0,1,3,3,1,0)
k <- cohen.kappa(cbind(a, b))
l <- cohen.kappa(cbind(a, b), w = 1 - abs(outer(0:3, 0:3, "-")) / 3)
kappa <- list(first = a, second = b, none = unbox(k$kappa), none_ci = number(k$confid[1, c(1, 3)]),
              quadratic = unbox(k$weighted.kappa), linear = unbox(l$weighted.kappa))

versions <- list(r = unbox(R.version.string), psych = unbox(as.character(packageVersion("psych"))),
                 epiR = unbox(as.character(packageVersion("epiR"))))
content <- list(versions = versions, script = unbox("validation/cohort/reliability.R"), icc = icc, ccc = ccc,
                agreement = agreement, limit_factors = list(n = sizes, inner = factors[, 1], outer = factors[, 2]),
                repeated = repeated, kappa = kappa)
writeLines(toJSON(content, digits = NA), "tests/pinned/reliability.json")
