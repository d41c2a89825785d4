//! Rigid bodies in the plane: convex polygons on joints, over ground that does not move.
//!
//! An implementation in Rust of the part of Box2D 2.3 that Gymnasium's environments use, in single precision and with
//! the operations of the original in their order, so that recorded traces can be followed to the last bit. It is not
//! Box2D itself: there are no circles, no sensors, no contacts between bodies, no restitution and no damping, and
//! everything is plain data that can be saved.
//!
//! A step of the [`World`] is: contacts are updated (`collide`), velocities and positions are solved together with
//! the joints by sequential impulses (`solver`, `joint`), and bodies that would have passed through the ground are moved
//! back to the time of impact (`impact`, `distance`).
//!
//! Box2D is Copyright (c) 2006-2011 Erin Catto <http://www.box2d.org>, under the zlib licence: this software is
//! provided 'as-is', without any express or implied warranty. In no event will the authors be held liable for any
//! damages arising from the use of this software. Permission is granted to anyone to use this software for any
//! purpose, including commercial applications, and to alter it and redistribute it freely, subject to the following
//! restrictions: 1. The origin of this software must not be misrepresented; you must not claim that you wrote the
//! original software. If you use this software in a product, an acknowledgment in the product documentation would be
//! appreciated but is not required. 2. Altered source versions must be plainly marked as such, and must not be
//! misrepresented as being the original software. 3. This notice may not be removed or altered from any source
//! distribution.

mod body;
mod collide;
mod contact;
mod distance;
mod impact;
mod joint;
mod math;
mod shape;
mod solver;
mod world;

#[cfg(test)]
mod tests;

pub(crate) use body::Body;
pub(crate) use joint::Joint;
pub(crate) use math::Vec2;
pub(crate) use shape::{Polygon, Shape};
pub(crate) use world::{Ground, Touch, World};

use std::f32::consts::PI;

/// Depth to which shapes may overlap, in metres.
const LINEAR_SLOP: f32 = 0.005;
/// Angle by which a joint may be beyond its limit.
const ANGULAR_SLOP: f32 = 2.0 / 180.0 * PI;
/// Width of the skin around a shape.
const SKIN: f32 = 2.0 * LINEAR_SLOP;
