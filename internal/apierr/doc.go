// Package apierr is the one place where errors become what a client sees.
//
// An [Error] is a gRPC code, a reason from the proto enum
// splitboard.errors.v1.Reason and a sentence. Sentinels are made with [New],
// compared with [errors.Is] and refined with [Error.With], [Error.WithField] and
// [Error.Because]. [Status] turns any error into the google.rpc.Status that is
// sent: what is not an Error, a context error or a peer's status is a fault of
// ours, and its text stays inside.
package apierr
