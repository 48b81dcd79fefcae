// Package openapi finishes the OpenAPI document that protoc-gen-openapiv2 makes
// of the protos, so that it says what the REST face does.
//
// The generator knows messages and routes. It does not know the rules that the
// edge keeps on every route: that an id is a JSON number, that a create answers
// 201, which headers there are, and which reasons an error can have. Nor can its
// options say all of that: the type of a path parameter and the answer 200 are
// fixed in it. [Finish] adds the rules, once for all routes. The reasons of an
// error are those that the RPC's comment names; their HTTP statuses are read from
// the comments of the enum splitboard.errors.v1.Reason.
//
// The command protoc-gen-openapi runs both, as one plugin of `buf generate`. It
// imports no generated code of ours: it must build while that code is being made.
package openapi
