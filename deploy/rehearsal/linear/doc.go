// Package linear checks what clients saw for linearizability: whether there is one order
// of all requests for an object in which each answer is right, and in which a request
// that was answered comes before every request that was sent after that.
//
// Objects are checked one by one, since nothing promises an order between them. A request
// without an answer may have taken effect at any time after it was sent, or never. What
// cannot be decided in the time allowed is an error, not a pass.
package linear
