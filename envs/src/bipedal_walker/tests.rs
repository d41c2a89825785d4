use super::terrain::TerrainDraws;
use super::*;
use serde_json::Value;

/// Draws that were recorded.
struct Recorded(std::vec::IntoIter<f64>);

impl TerrainDraws for Recorded {
    fn slope(&mut self) -> f64 {
        self.0.next().unwrap()
    }

    fn whole(&mut self, low: usize, high: usize) -> usize {
        let drawn = self.0.next().unwrap() as usize;
        assert!((low..high).contains(&drawn));
        drawn
    }

    fn coin(&mut self) -> bool {
        self.0.next().unwrap() > 0.5
    }
}
fn f(v: &Value) -> Vec<f64> { v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect() }
fn g(v: &Value) -> Vec<f32> { f(v).iter().map(|x| *x as f32).collect() }
#[test]
fn probe() {
    let eps: Value = serde_json::from_str(&std::fs::read_to_string("/tmp/walker.json").unwrap()).unwrap();
    let (mut exact, mut steps_exact, mut total) = (0, 0, 0);
    for (n, ep) in eps.as_array().unwrap().iter().enumerate() {
        let hardcore = ep["hardcore"].as_bool().unwrap();
        let mut env = BipedalWalker::from(BipedalWalkerConfig { hardcore });
        let mut draws = Recorded(f(&ep["draws"]).into_iter());
        let terrain = WalkerTerrain::drawn(hardcore, &mut draws);
        assert!(draws.0.next().is_none());
        assert_eq!(terrain.heights, f(&ep["heights"]), "{n}");
        assert!(terrain.is_possible());
        env.start(terrain, ep["push"].as_f64().unwrap());
        let mut obs = vec![0.0f32; 24];
        env.observe(&mut obs);
        let mut bad = if obs != g(&ep["first"]) { println!("{n} first {obs:?} {:?}", ep["first"]); Some(0) } else { None };
        for (t, row) in ep["steps"].as_array().unwrap().iter().enumerate() {
            total += 1;
            let step = env.advance(g(&row[0]).try_into().unwrap());
            env.observe(&mut obs);
            let want = g(&row[3]);
            let diff = obs.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            if bad.is_none() && (obs != want || f64::from(step.reward) != row[1].as_f64().unwrap() || step.terminated != (row[2] == 1)) {
                println!("{n} step {t} of {}: {diff} {obs:?} {want:?} {step:?} {}", ep["steps"].as_array().unwrap().len(), row[1]);
                bad = Some(t);
            }
            if bad.is_none() { steps_exact += 1; }
        }
        if bad.is_none() { exact += 1; }
    }
    println!("exact episodes {exact}, steps {steps_exact} of {total}");
}
