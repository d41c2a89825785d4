use super::body::Body;
use super::distance::{Simplex, distance};
use super::impact::time_of_impact;
use super::math::{Placement, Sweep};
use super::*;

fn v(x: f32, y: f32) -> Vec2 {
    Vec2::new(x, y)
}

fn near(a: f32, b: f32) -> bool {
    (a - b).abs() < 1e-5
}

/// A body of 2 × 1 m and density 3.
fn brick(x: f32, y: f32, angle: f32) -> Body {
    Body::new(Polygon::rectangle(1.0, 0.5), 3.0, 0.5, v(x, y), angle)
}

/// Ground at height 0.
fn floor() -> Ground {
    Ground::new(Shape::Edge([v(-50.0, 0.0), v(50.0, 0.0)]), 0.5, 0)
}

fn step(world: &mut World) -> Vec<Touch> {
    world.step(0.02, [180, 60])
}

#[test]
fn masses_by_hand() {
    // A rectangle of 2 × 1 m: m = 3·2·1, I = m·(2² + 1²)/12.
    let brick = brick(0.0, 0.0, 0.0);
    assert!(near(1.0 / brick.inv_mass, 6.0) && near(1.0 / brick.inv_inertia, 2.5));
    // A right triangle with legs of 3 m: centroid a third along either leg, I around the corner m·(3² + 3²)/6.
    let triangle = Polygon::hull(&[v(0.0, 0.0), v(3.0, 0.0), v(0.0, 3.0)]);
    let (mass, inertia, center) = triangle.mass(2.0);
    assert!(near(mass, 9.0) && near(inertia, 27.0), "{mass} {inertia}");
    assert!(near(center.x, 1.0) && near(center.y, 1.0));
    assert_eq!(center, triangle.centroid);
}

#[test]
fn a_hull_leaves_inner_points_out() {
    let points = [v(0.0, 0.0), v(1.0, 1.0), v(2.0, 0.0), v(2.0, 2.0), v(0.0, 2.0)];
    let hull = Polygon::hull(&points);
    assert_eq!(hull.vertices, [v(2.0, 0.0), v(2.0, 2.0), v(0.0, 2.0), v(0.0, 0.0)]);
    assert_eq!(hull.normals, [v(1.0, 0.0), v(0.0, 1.0), v(-1.0, 0.0), v(0.0, -1.0)]);
}

#[test]
fn distances_by_hand() {
    let square = Polygon::rectangle(0.5, 0.5).vertices;
    let at = |x, y, angle| Placement::around(v(x, y), angle, Vec2::ZERO);
    let edge = [v(0.0, 0.0), v(1.0, 0.0)];
    let from = |placement| distance(&edge, &square, placement, &mut Simplex::default());
    // Over the edge; beyond its end, from corner to corner; on its tip; across it.
    assert!(near(from(at(0.5, 2.5, 0.0)), 2.0));
    assert!(near(from(at(4.5, 4.5, 0.0)), 5.0));
    assert!(near(from(at(0.5, 2.0, PI / 4.0)), 2.0 - 0.5_f32.sqrt()));
    assert_eq!(from(at(0.5, 0.0, 0.0)), 0.0);
}

#[test]
fn impacts_by_hand() {
    let square = Polygon::rectangle(0.5, 0.5).vertices;
    let edge = [v(-10.0, 0.0), v(10.0, 0.0)];
    let falling = |from, to| Sweep {
        local_center: Vec2::ZERO,
        center0: v(0.0, from),
        angle0: 0.0,
        center: v(0.0, to),
        angle: 0.0,
        start: 0.0,
    };
    // It may come as near as 5 mm, half way at 0.505, within a quarter of that.
    let time = time_of_impact(&edge, &square, falling(1.505, -0.495)).unwrap();
    assert!((time - 0.5).abs() < 0.001, "{time}");
    assert_eq!(time_of_impact(&edge, &square, falling(3.0, 1.0)), None);
    // One that is within the ground can't come to it.
    assert_eq!(time_of_impact(&edge, &square, falling(0.2, -1.0)), None);
}

#[test]
fn rays_by_hand() {
    let edge = Shape::Edge([v(0.0, 1.0), v(2.0, 1.0)]);
    assert_eq!(edge.ray(v(1.0, 3.0), v(1.0, -1.0), 1.0), Some(0.5));
    assert_eq!(edge.ray(v(1.0, 3.0), v(1.0, -1.0), 0.4), None);
    assert_eq!(edge.ray(v(3.0, 3.0), v(3.0, -1.0), 1.0), None);
    assert_eq!(edge.ray(v(0.0, 2.0), v(2.0, 2.0), 1.0), None);
    let block = Shape::Polygon(Polygon::rectangle(1.0, 1.0));
    assert_eq!(block.ray(v(-3.0, 0.0), v(1.0, 0.0), 1.0), Some(0.5));
    assert_eq!(block.ray(v(0.0, 0.0), v(5.0, 0.0), 1.0), None);
    assert_eq!(block.ray(v(-3.0, 2.0), v(3.0, 2.0), 1.0), None);
    let world = World::new(-10.0, vec![floor(), Ground::new(edge, 0.5, 1)], Vec::new(), Vec::new());
    assert_eq!(world.ray(v(1.0, 2.0), v(1.0, -2.0)), 0.25);
    assert_eq!(world.ray(v(5.0, 2.0), v(5.0, -2.0)), 0.5);
    assert_eq!(world.ray(v(5.0, 2.0), v(5.0, 1.0)), 1.0);
}

#[test]
fn a_free_body_falls_and_turns() {
    let mut world = World::new(-10.0, Vec::new(), vec![brick(0.0, 100.0, 0.0)], Vec::new());
    world.bodies[0].apply_impulse(v(6.0, 0.0), v(0.0, 100.5));
    world.bodies[0].apply_torque(2.5);
    step(&mut world);
    // Δv = 6/6; Δω = −6·0.5/2.5 by the impulse, 0.02 by the torque, which acts for a step alone.
    let body = &world.bodies[0];
    assert!(near(body.velocity().x, 1.0) && near(body.velocity().y, -0.2));
    assert!(near(body.spin(), -1.2 + 0.02));
    assert!(near(body.position().y, 100.0 - 0.2 * 0.02) && near(body.angle(), -1.18 * 0.02));
    step(&mut world);
    assert!(near(world.bodies[0].spin(), -1.18));
}

#[test]
fn a_brick_comes_to_rest_and_falls_asleep() {
    let mut world = World::new(-10.0, vec![floor()], vec![brick(0.0, 2.0, 0.3)], Vec::new());
    let mut touches = Vec::new();
    let steps = (0..500).take_while(|_| {
        touches.extend(step(&mut world));
        world.bodies[0].is_awake()
    });
    let steps = steps.count();
    assert!((50..300).contains(&steps), "{steps}");
    let body = &world.bodies[0];
    // On its long side, within both skins.
    assert!((0.5..0.525).contains(&body.position().y), "{:?}", body.position());
    assert!(body.angle().abs() < 0.01, "{}", body.angle());
    assert_eq!(body.velocity(), Vec2::ZERO);
    assert_eq!(touches.first(), Some(&Touch { body: 0, begins: true }));
    // A push wakes it.
    world.bodies[0].apply_impulse(v(0.0, 12.0), v(0.0, 0.5));
    assert!(world.bodies[0].is_awake());
    step(&mut world);
    assert!(world.bodies[0].velocity().y > 1.0);
}

#[test]
fn friction_stops_a_slide() {
    // μ = 0.5: from 2 m/s after v²/(2·μ·g) = 0.4 m.
    let mut world = World::new(-10.0, vec![floor()], vec![brick(0.0, 0.51, 0.0)], Vec::new());
    (0..20).for_each(|_| _ = step(&mut world));
    let start = world.bodies[0].position().x;
    world.bodies[0].apply_impulse(v(12.0, 0.0), v(start, 0.5));
    (0..100).for_each(|_| _ = step(&mut world));
    let way = world.bodies[0].position().x - start;
    assert!((way - 0.4).abs() < 0.03, "{way}");
}

#[test]
fn fast_bodies_do_not_pass_through_the_ground() {
    // 90 m/s are 1.8 m in a step: more than the brick is high.
    let mut world = World::new(0.0, vec![floor()], vec![brick(0.0, 2.0, 0.0)], Vec::new());
    world.bodies[0].apply_impulse(v(0.0, -540.0), v(0.0, 2.0));
    (0..10).for_each(|_| _ = step(&mut world));
    assert!(
        (0.48..0.6).contains(&world.bodies[0].position().y),
        "{:?}",
        world.bodies[0].position()
    );
}

/// Two bricks, one over the other, joined at the side that they share.
fn hinged(limits: [f32; 2], motor_speed: f32) -> World {
    let bodies = vec![brick(0.0, 10.0, 0.0), brick(0.0, 9.0, 0.0)];
    let anchors = [v(0.0, -0.5), v(0.0, 0.5)];
    let joint = Joint::new(&bodies, [0, 1], anchors, limits, motor_speed, 1000.0);
    World::new(0.0, Vec::new(), bodies, vec![joint])
}

#[test]
fn a_motor_turns_to_the_limit_and_keeps_the_hinge_together() {
    let mut world = hinged([-0.5, 0.5], 2.0);
    for _ in 0..10 {
        step(&mut world);
    }
    assert!(near(world.joints[0].speed(&world.bodies), 2.0));
    assert!((world.joints[0].angle(&world.bodies) - 0.4).abs() < 0.01);
    for _ in 0..50 {
        step(&mut world);
    }
    let angle = world.joints[0].angle(&world.bodies);
    assert!((0.5..0.5 + 2.0 * ANGULAR_SLOP).contains(&angle), "{angle}");
    let ends: Vec<Vec2> = [(0, -0.5), (1, 0.5)]
        .into_iter()
        .map(|(body, y)| world.bodies[body].placement.apply(v(0.0, y)))
        .collect();
    assert!((ends[0] - ends[1]).length() < 2.0 * LINEAR_SLOP, "{ends:?}");
    // Nothing from outside: the bricks neither drift nor turn as a whole.
    let momentum = world.bodies[0].velocity() + world.bodies[1].velocity();
    assert!(momentum.length() < 1e-3, "{momentum:?}");
}

#[test]
fn blocks_are_stood_upon() {
    let block = Polygon::hull(&[v(-1.5, 0.0), v(1.5, 0.0), v(1.5, 1.0), v(-1.5, 1.0)]);
    let ground = vec![Ground::new(Shape::Polygon(block), 0.5, 0), floor()];
    let mut world = World::new(-10.0, ground, vec![brick(0.2, 2.5, 0.2)], Vec::new());
    (0..200).for_each(|_| _ = step(&mut world));
    assert!(!world.bodies[0].is_awake());
    assert!(
        (1.5..1.53).contains(&world.bodies[0].position().y),
        "{:?}",
        world.bodies[0].position()
    );
}
