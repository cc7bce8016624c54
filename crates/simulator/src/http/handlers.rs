//! What the port answers: the provider's API, its token endpoint, and two pages about the simulator itself.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use super::connection::Line;
use super::request;
use super::response::response;
use super::summary::summary;
use super::world::{InFlight, World};
use crate::clock;
use crate::limit::TOKEN_PATH;
use crate::outcome::Outcome;

/// How much of a body is read. The provider does nothing with bodies, but a client wants to be rid of its own.
const BODY_MAX: usize = 1 << 20;

pub(super) fn router(world: World) -> Router {
    Router::new()
        .route("/_simulator/health", get(health))
        .route("/_simulator/ledger", get(ledger).post(ledger))
        .route("/_simulator/reset", post(reset))
        .route(TOKEN_PATH, post(token))
        .fallback(call)
        .with_state(world)
}

/// Any call to the API.
async fn call(State(world): State<World>, Extension(line): Extension<Line>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    read(body).await;
    let (outcome, in_flight) = world.call(|provider, now| {
        let caller = request::bearer(&parts).and_then(|token| provider.caller(now, token));
        match caller {
            Some(caller) => provider.arrive(now, &request::arrival(&parts, &caller)),
            None => provider.turn_away(now, &request::arrival(&parts, &<_>::default())),
        }
    });
    answer(outcome, in_flight, &line).await
}

async fn token(State(world): State<World>, Extension(line): Extension<Line>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let form = read(body).await;
    let request = request::token(&parts, &form);
    let (outcome, in_flight) = world.call(|provider, now| provider.token(now, &request));
    answer(outcome, in_flight, &line).await
}

async fn answer(outcome: Outcome, in_flight: InFlight, line: &Line) -> Response {
    clock::pass(outcome.latency).await;
    drop(in_flight);
    match outcome.answer {
        Some(answer) => response(answer),
        None => line.cut().await,
    }
}

/// It is up; what containers ask. Of a long ledger that tells more the summary takes its time.
async fn health() -> Json<Value> {
    Json(json!({"status": "up"}))
}

async fn ledger(State(world): State<World>) -> Json<Value> {
    Json(world.with(|provider, now| {
        let now = provider.advance(now);
        summary(provider.ledger(), now)
    }))
}

async fn reset(State(world): State<World>) -> impl IntoResponse {
    world.reset();
    StatusCode::NO_CONTENT
}

/// The body, or nothing where it is too long or breaks off.
async fn read(body: Body) -> Vec<u8> {
    to_bytes(body, BODY_MAX).await.map(Into::into).unwrap_or_default()
}
