//! The unary methods of `google.storage.v2.Storage`, over the same store as the JSON API.

mod buckets;
mod convert;
mod objects;

use std::future::{Ready, ready};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use tonic::codec::Codec;
use tonic::server::{Grpc, UnaryService};
use tonic_prost::ProstCodec;

use super::refusal::Refusal;
use super::store::Store;

/// What the path of every method starts with.
pub(super) const SERVICE: &str = "/google.storage.v2.Storage/";

pub(super) async fn answer(store: &Store, method: &str, request: Request) -> Response {
    match method {
        "GetObject" => unary(request, |asked| objects::get(store, asked)).await,
        "ListObjects" => unary(request, |asked| objects::list(store, asked)).await,
        "DeleteObject" => unary(request, |asked| objects::delete(store, asked)).await,
        "UpdateObject" => unary(request, |asked| objects::update(store, asked)).await,
        "ComposeObject" => unary(request, |asked| objects::compose(store, asked)).await,
        "RewriteObject" => unary(request, |asked| objects::rewrite(store, asked)).await,
        "MoveObject" => unary(request, |asked| objects::rename(store, asked)).await,
        "CreateBucket" => unary(request, |asked| buckets::create(store, asked)).await,
        "GetBucket" => unary(request, |asked| buckets::get(store, asked)).await,
        "ListBuckets" => unary(request, |asked| buckets::list(store, asked)).await,
        "DeleteBucket" => unary(request, |asked| buckets::delete(store, asked)).await,
        "UpdateBucket" => unary(request, |asked| buckets::update(store, asked)).await,
        other => Refusal::not_implemented(format!("{SERVICE}{other} over gRPC"))
            .grpc()
            .into_http(),
    }
}

async fn unary<Asked, Answer>(
    request: Request,
    handler: impl FnMut(Asked) -> Result<Answer, Refusal>,
) -> Response
where
    ProstCodec<Answer, Asked>: Codec<Encode = Answer, Decode = Asked> + Default,
{
    Grpc::new(ProstCodec::<Answer, Asked>::default())
        .unary(Handler(handler), request)
        .await
        .map(Body::new)
}

/// A plain function as a method: the store answers at once.
struct Handler<F>(F);

impl<F, Asked, Answer> UnaryService<Asked> for Handler<F>
where
    F: FnMut(Asked) -> Result<Answer, Refusal>,
{
    type Response = Answer;
    type Future = Ready<Result<tonic::Response<Answer>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<Asked>) -> Self::Future {
        ready(
            (self.0)(request.into_inner())
                .map(tonic::Response::new)
                .map_err(|refusal| refusal.grpc()),
        )
    }
}
