// Package edge is the board's REST face: it takes HTTP requests and makes gRPC calls
// of them, over connections that are in process in every binary but the standalone
// edge.
//
// Paths and methods stand in one table (routes.go) that a test compares with
// proto/rest.yaml's OpenAPI document. Reads are direct: a request message built by
// hand, one call, the answer appended as JSON to a pooled buffer. Writes go through
// grpc-gateway's generated handlers, after the headers and the body have been checked
// more strictly than those would.
//
// What clients may send is decided by allowlists: five query parameters, five request
// headers, and the JSON fields of the resource. Nothing else has any effect.
package edge
