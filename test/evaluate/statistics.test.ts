import { Random } from '../../lib/tensor/random'
import { cohenKappa, confusion, distances, fleissKappa, krippendorffAlpha, randolphKappa, type Rating } from '../../lib/preference/agreement'
import { basicInterval, bcaInterval, percentileInterval, standardDeviation } from '../../lib/preference/bootstrap'
import { bradleyTerryByGradient, bradleyTerryByMM, fitBradleyTerry, strengthDifference, winProbability } from '../../lib/preference/bradleyTerry'
import { comparisonsFromWins } from '../../lib/preference/comparisons'
import { elo, toElo } from '../../lib/preference/elo'
import { bestOfN, bestOfNKl } from '../../lib/evaluate/bestOfN'
import { accuracy, brierScore, expectedCalibrationError, logLoss, maximumCalibrationError, rocAuc } from '../../lib/evaluate/calibration'
import { averageRanks, kendallTauB, kendallTauC, pearson, spearman } from '../../lib/evaluate/correlation'
import { agrestiCoullInterval, binomialTest, clopperPearsonInterval, jeffreysInterval, waldInterval, wilsonInterval } from '../../lib/evaluate/intervals'
import { lengthControlledWinRate } from '../../lib/evaluate/lengthControl'
import { logisticRegression } from '../../lib/evaluate/logistic'
import { mcnemar, mcnemarExact, pairedT, signFlipTest, wilcoxonExact } from '../../lib/evaluate/paired'
import { passAtK } from '../../lib/evaluate/passAtK'
import { expect } from 'chai'
import { goldens, type Golden } from '../goldens'

const mean = (x: readonly number[]) => x.reduce((a, b) => a + b, 0) / x.length
const others = (n: number) => Array.from({ length: n - 1 }, (_, i) => i + 1)

function fitsAgree(wins: number[][], golden: Golden, name: string, ties?: number[][]) {
  const comparisons = comparisonsFromWins(wins, ties)
  for (const fit of [fitBradleyTerry, bradleyTerryByGradient, bradleyTerryByMM]) golden.close(fit(comparisons, wins.length).strengths, name)
}

describe('statistics against outside implementations', () => {
  goldens('statistics').each({
    bradley_terry_mle(golden) {
      const wins = golden.inputs.wins as number[][], n = wins.length, fit = fitBradleyTerry(comparisonsFromWins(wins), n)
      fitsAgree(wins, golden, 'log_strengths_centered')
      golden.close(fit.logLikelihood, 'log_likelihood')
      golden.close(wins.map((_, i) => wins.map((__, j) => winProbability(fit.strengths[i] - fit.strengths[j]))), 'win_probabilities')
      golden.close(toElo(fit.strengths), 'elo_scale_centered_1000')
      golden.close(others(n).map(i => strengthDifference(fit, i, 0).value), 'log_strengths_relative_to_player_0')
      golden.close(others(n).map(i => strengthDifference(fit, i, 0).standardError), 'standard_errors_relative_to_player_0')
      const c = fit.covariance
      golden.close(others(n).map(i => others(n).map(j => c[i][j] - c[i][0] - c[0][j] + c[0][0])), 'covariance_relative_to_player_0')
    },
    bradley_terry_l2(golden) {
      const { wins, alpha: l2 } = golden.inputs as { wins: number[][]; alpha: number }
      for (const fit of [fitBradleyTerry, bradleyTerryByGradient]) golden.close(fit(comparisonsFromWins(wins), wins.length, { l2 }).strengths, 'log_strengths')
    },
    bradley_terry_ties_as_half_wins(golden) { fitsAgree(golden.inputs.wins as number[][], golden, 'log_strengths_centered', golden.inputs.ties as number[][]) },
    elo_k32(golden) {
      const { initial, k, scale, games_a_b_score: games } = golden.inputs as { initial: number[]; k: number; scale: number; games_a_b_score: number[][] }
      const run = elo(games.map(([first, second, score]) => ({ first, second, score })), initial, { k, scale })
      golden.close(run.ratings, 'ratings_after_each_game')
    },
    cohen_kappa(golden) {
      const { rater_a: a, rater_b: b } = golden.inputs as Record<string, number[]>
      golden.close(cohenKappa(a, b), 'unweighted')
      golden.close(cohenKappa(a, b, distances.linear), 'linear')
      golden.close(cohenKappa(a, b, distances.interval), 'quadratic')
      golden.close(confusion(a, b).counts, 'confusion')
    },
    fleiss_kappa(golden) {
      const counts = golden.inputs.counts_item_by_category as number[][]
      golden.close(fleissKappa(counts), 'fleiss')
      golden.close(randolphKappa(counts), 'randolph')
    },
    calibration(golden) {
      const { probabilities: p, labels: y } = golden.inputs as Record<string, number[]>
      golden.close(brierScore(p, y), 'brier')
      golden.close(logLoss(p, y), 'log_loss_clipped_1e-7')
      golden.close(rocAuc(p, y), 'roc_auc')
      golden.close(accuracy(p, y), 'accuracy_at_half')
      for (const bins of [10, 15]) {
        golden.close(expectedCalibrationError(p, y, bins), `ece_${bins}`)
        golden.close(maximumCalibrationError(p, y, bins), `mce_${bins}`)
      }
    },
    correlation(golden) {
      const { x, y } = golden.inputs as Record<string, number[]>
      for (const [name, test] of [['pearson', pearson(x, y)], ['spearman', spearman(x, y)]] as const) {
        golden.close(test.statistic, name)
        golden.close(test.p, `${name}_p`)
      }
      golden.close(kendallTauB(x, y).statistic, 'kendall_tau_b')
      golden.close(kendallTauB(x, y).p, 'kendall_tau_b_p_asymptotic')
      golden.close(kendallTauC(x, y), 'kendall_tau_c')
      golden.close(averageRanks(x), 'average_ranks_x')
    },
    proportion_intervals(golden) {
      const { alpha, null: chance } = golden.inputs as { alpha: number; null: number }, level = 1 - alpha
      const rows = golden.expected.rows as { successes: number; n: number }[]
      golden.close(rows.map(({ successes: k, n }) => ({
        successes: k, n, wilson: wilsonInterval(k, n, level), beta: clopperPearsonInterval(k, n, level), agresti_coull: agrestiCoullInterval(k, n, level),
        jeffreys: jeffreysInterval(k, n, level), normal: waldInterval(k, n, level), binomial_test_p: binomialTest(k, n, chance),
      })), 'rows')
    },
    mcnemar(golden) {
      const [[, onlyA], [onlyB]] = golden.inputs.table as number[][]
      golden.close(mcnemarExact(onlyA, onlyB).p, 'exact_p')
      golden.close(mcnemar(onlyA, onlyB).statistic, 'chi2_corrected')
      golden.close(mcnemar(onlyA, onlyB).p, 'chi2_corrected_p')
    },
    bootstrap_mean(golden) {
      const { sample, confidence_level: level, bootstrap_distribution: distribution } = golden.inputs as { sample: number[]; confidence_level: number; bootstrap_distribution: number[] }
      golden.close(percentileInterval(distribution, level), 'percentile')
      golden.close(basicInterval(distribution, mean(sample), level), 'basic')
      golden.close(bcaInterval(sample, mean, distribution, level), 'bca')
      golden.close(standardDeviation(distribution), 'standard_error')
    },
    paired_tests(golden) {
      const { a, b } = golden.inputs as Record<string, number[]>, t = pairedT(a, b), w = wilcoxonExact(a, b)
      golden.close(t.statistic, 't')
      golden.close(t.p, 't_p')
      golden.close(signFlipTest(a, b, Random.seed(0)).p, 'permutation_p')
      golden.close(w.statistic, 'wilcoxon_statistic')
      golden.close(w.p, 'wilcoxon_p')
    },
    pass_at_k(golden) { golden.close((golden.inputs.n_c_k as [number, number, number][]).map(row => passAtK(...row)), 'pass_at_k') },
    best_of_n_kl_bound(golden) { golden.close((golden.inputs.n as number[]).map(bestOfNKl), 'kl') },
    best_of_n_exact(golden) {
      const { probabilities, rewards } = golden.inputs as Record<string, number[]>
      for (const [i, { n }] of (golden.expected.rows as { n: number }[]).entries()) {
        const best = bestOfN(probabilities, rewards, n)
        golden.close({ n, distribution: [...best.distribution], kl: best.kl, expected_reward: best.expectedReward }, `rows.${i}`)
        expect(best.kl).to.be.at.most(bestOfNKl(n) + 1e-12)
      }
    },
    length_controlled_glm(golden) {
      const { tanh_length_difference: length, difficulty, wins, soft_wins: soft } = golden.inputs as Record<string, number[]>
      const others = difficulty.map(v => [v]), features = length.map((v, i) => [v, difficulty[i]])
      const glm = logisticRegression(features, wins)
      golden.close({ params_intercept_length_difficulty: [...glm.coefficients], standard_errors: [...glm.standardErrors], deviance: glm.deviance, log_likelihood: glm.logLikelihood }, 'glm')
      for (const c of ['1.0', '0.1']) {
        const { fit, rawWinRate, winRate } = lengthControlledWinRate(wins, length, others, 1 / Number(c))
        golden.close({ params_intercept_length_difficulty: [...fit.coefficients], raw_win_rate: rawWinRate, length_controlled_win_rate: winRate }, `l2_C_${c}`)
      }
      golden.close({ params_intercept_length_difficulty: [...logisticRegression(features, soft, 1).coefficients] }, 'soft_labels_l2_C_1.0')
    },
  })

  goldens('krippendorff_alpha').each({
    'krippendorff_alpha_*'(golden) {
      const byRater = golden.inputs.ratings_rater_by_item as number[][]
      const byItem: Rating[][] = byRater[0].map((_, item) => byRater.map(row => Number.isNaN(row[item]) ? null : row[item]))
      for (const name of ['nominal', 'ordinal', 'interval', 'ratio'] as const) golden.close(krippendorffAlpha(byItem, distances[name]), name)
    },
  })
})
