//! Groups of runs beside each other: which is better, and whether that is more than noise.
use super::groups::{Group, OverSeeds};
use super::statistics::{
    Scores, bootstrap, bootstrap_of_two, interquartile_mean, median, probability_of_improvement,
};
use crate::wording;
use serde::Serialize;
use std::collections::BTreeMap;
use train::{Direction, Measure, Objective};

/// Scores of the groups on one environment or data set, the best first.
#[derive(Debug, Serialize)]
pub(crate) struct Task {
    pub(crate) subject: String,
    pub(crate) measure: String,
    pub(crate) direction: Direction,
    pub(crate) groups: Vec<Scored>,
    /// Of each group with each that is worse.
    pub(crate) pairs: Vec<Pair>,
}

/// One group's scores.
#[derive(Debug, Serialize)]
pub(crate) struct Scored {
    pub(crate) label: String,
    #[serde(flatten)]
    pub(crate) statistics: OverSeeds,
    pub(crate) median: f64,
    pub(crate) scores: Vec<f64>,
    /// Each seed gives the same parameters or values.
    pub(crate) is_one_answer: bool,
}

/// Two groups.
#[derive(Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) better: String,
    pub(crate) worse: String,
    /// Difference of the means, by which the better one is better, with Welch's interval.
    pub(crate) difference: Measure,
    /// Probability that a run of the better one has the better score, with its bootstrap interval.
    pub(crate) improvement: f64,
    pub(crate) improvement_ci95: Option<[f64; 2]>,
    /// The interval of the difference has no 0 in it; `null` where there is no interval.
    pub(crate) is_more_than_noise: Option<bool>,
    /// The one of the two of which each seed gives the same answer, so that there is no interval.
    pub(crate) one_answer: Option<String>,
}

/// Groups up to which each two are compared.
const MOST: usize = 6;

/// Beside each other are groups of the same environment or data set, by the measure that decides.
pub(crate) fn tasks(groups: &[Group]) -> Vec<Task> {
    let mut of = BTreeMap::<_, Vec<&Group>>::new();
    for group in groups {
        if let Some(objective) = group.objective() {
            of.entry((&group.subject, &objective.measure)).or_default().push(group);
        }
    }
    of.into_values().filter_map(|of| task(&of, groups)).collect()
}

fn task(of: &[&Group], all: &[Group]) -> Option<Task> {
    let objective = of.first()?.objective()?;
    let direction = objective.direction;
    let mut groups: Vec<_> = of
        .iter()
        .map(|group| {
            let scores = group.scores(&objective.measure);
            let median = median(std::slice::from_ref(&scores));
            let (label, statistics) = (group.label(all), group.statistics(&objective.measure));
            Scored { label, statistics, median, scores, is_one_answer: group.is_one_answer() }
        })
        .filter(|group| !group.scores.is_empty())
        .collect();
    let mean = |group: &Scored| direction.score(group.statistics.mean);
    groups.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
    let mut pairs = Vec::new();
    for (at, better) in groups.iter().enumerate() {
        // Of many groups the best with each other one.
        if at == 0 || groups.len() <= MOST {
            pairs.extend(groups[at + 1..].iter().map(|worse| pair(better, worse, direction)));
        }
    }
    let Objective { measure, direction } = objective.clone();
    Some(Task { subject: of[0].subject.clone(), measure, direction, groups, pairs })
}

fn pair(better: &Scored, worse: &Scored, direction: Direction) -> Pair {
    let turned = |group: &Scored| -> Scores {
        vec![group.scores.iter().map(|x| direction.score(*x)).collect()]
    };
    let (one, other) = (turned(better), turned(worse));
    let one_answer = [better, worse].into_iter().find(|group| group.is_one_answer);
    let mut difference = Measure::of(&one[0]).minus(&Measure::of(&other[0]));
    difference.ci95 = difference.ci95.filter(|_| one_answer.is_none());
    Pair {
        one_answer: one_answer.map(|group| group.label.clone()),
        better: better.label.clone(),
        worse: worse.label.clone(),
        is_more_than_noise: difference.ci95.map(|[low, _]| low > 0.0),
        difference,
        improvement: probability_of_improvement(&one, &other),
        improvement_ci95: bootstrap_of_two(&one, &other, probability_of_improvement),
    }
}

impl Pair {
    /// The comparison as a sentence.
    pub(crate) fn told(&self) -> String {
        let Self { better, worse, difference, .. } = self;
        let digits = wording::digits(difference);
        let by = wording::number(difference.mean, digits);
        let improvement = match self.improvement_ci95 {
            Some([low, high]) => {
                format!("{:.2} (95 % between {low:.2} and {high:.2})", self.improvement)
            }
            None => format!("{:.2}", self.improvement),
        };
        if let Some(group) = &self.one_answer {
            return format!(
                "{better} and {worse}: the means differ by {by}; each seed of {group} gives the same answer, so seeds say nothing of noise"
            );
        }
        let Some([low, high]) = difference.ci95 else {
            return format!(
                "{better} and {worse}: the means differ by {by}; one run of a group says nothing of noise, add seeds"
            );
        };
        let [low, high] = [low, high].map(|end| wording::number(end, digits));
        let verdict = match self.is_more_than_noise {
            Some(true) => format!("{better} is better than {worse}"),
            _ => format!("no difference between {better} and {worse} that is more than noise"),
        };
        format!(
            "{verdict}: the means differ by {by} (95 % between {low} and {high}), probability of improvement {improvement}"
        )
    }
}

/// One method on all tasks.
#[derive(Debug, Serialize)]
pub(crate) struct Overall {
    pub(crate) label: String,
    /// Interquartile mean of the scores, each task's scaled so that its worst run of all methods has 0 and its best has 1.
    pub(crate) iqm: f64,
    pub(crate) iqm_ci95: Option<[f64; 2]>,
}

/// Scores of the methods that have runs on every task, scaled within each task; the best method first. Empty where there are
/// fewer than two tasks.
pub(crate) fn overall(tasks: &[Task], groups: &[Group]) -> Vec<Overall> {
    let mut of: Vec<Overall> = scaled(tasks, groups)
        .into_iter()
        .map(|(label, scores)| Overall {
            label,
            iqm: interquartile_mean(&scores),
            iqm_ci95: bootstrap(&scores, interquartile_mean),
        })
        .collect();
    of.sort_by(|a, b| b.iqm.total_cmp(&a.iqm));
    of
}

/// For each method that has runs on every task its scores, from 0 for the worst run of the task to 1 for its best.
pub(crate) fn scaled(tasks: &[Task], groups: &[Group]) -> Vec<(String, Scores)> {
    if tasks.len() < 2 {
        return Vec::new();
    }
    let mut methods = BTreeMap::<String, Scores>::new();
    for task in tasks {
        let all = task.groups.iter().flat_map(|group| &group.scores);
        let (low, high) = all
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
        let (worst, best) = match task.direction {
            Direction::Maximise => (low, high),
            Direction::Minimise => (high, low),
        };
        let scale = |x: &f64| if best == worst { 0.5 } else { (x - worst) / (best - worst) };
        for group in groups.iter().filter(|group| group.subject == task.subject) {
            let scores = group.scores(&task.measure);
            if scores.is_empty() {
                continue;
            }
            methods.entry(group.method()).or_default().push(scores.iter().map(scale).collect());
        }
    }
    methods.retain(|_, scores| scores.len() == tasks.len());
    methods.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(label: &str, scores: &[f64]) -> Scored {
        let statistics = OverSeeds::of(scores);
        let (label, scores) = (label.to_owned(), scores.to_vec());
        Scored { label, statistics, median: 0.0, scores, is_one_answer: false }
    }

    #[test]
    fn a_difference_is_more_than_noise_or_not() {
        // Means 5 and 1, standard errors 1 and 1 of three runs each: ν = 4, t = 2.776, 4 ∓ 3.93.
        let far = pair(
            &scored("a", &[3.0, 5.0, 7.0]),
            &scored("b", &[-1.0, 1.0, 3.0]),
            Direction::Maximise,
        );
        let half = 2.776_445_11 * (8.0_f64 / 3.0).sqrt();
        let [low, high] = far.difference.ci95.unwrap();
        assert!((low - (4.0 - half)).abs() < 1e-6 && (high - (4.0 + half)).abs() < 1e-6);
        assert_eq!(far.is_more_than_noise, Some(false));
        // 3 = 3 counts half, and all eight others win.
        assert!((far.improvement - 8.5 / 9.0).abs() < 1e-12);
        assert!(far.told().starts_with("no difference between a and b that is more than noise: "));
        let near = pair(
            &scored("a", &[5.0, 5.1, 5.2]),
            &scored("b", &[1.0, 1.1, 1.2]),
            Direction::Maximise,
        );
        assert_eq!(near.is_more_than_noise, Some(true));
        assert!(
            near.told().starts_with("a is better than b: the means differ by 4.00 "),
            "{}",
            near.told()
        );
        let one = pair(&scored("a", &[5.0]), &scored("b", &[1.0, 1.1]), Direction::Maximise);
        assert_eq!(one.is_more_than_noise, None);
        assert!(one.told().ends_with("add seeds"));
        let planned = Scored { is_one_answer: true, ..scored("a", &[5.0, 5.0]) };
        let same = pair(&planned, &scored("b", &[1.0, 1.1]), Direction::Maximise);
        assert_eq!((same.is_more_than_noise, same.difference.ci95), (None, None));
        assert!(
            same.told()
                .ends_with("each seed of a gives the same answer, so seeds say nothing of noise")
        );
    }

    #[test]
    fn lower_is_better_where_it_is() {
        let pair = pair(
            &scored("a", &[1.0, 1.1, 1.2]),
            &scored("b", &[2.0, 2.1, 2.2]),
            Direction::Minimise,
        );
        assert!((pair.difference.mean - 1.0).abs() < 1e-12 && pair.improvement == 1.0);
    }
}
