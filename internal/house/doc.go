// Package house has the tests of the repository as a whole: which module may
// import which, that all modules agree on their dependencies' versions, and that
// every package says what it is for.
//
// They ask the go command about the other modules, which go test's cache cannot
// know of: after a change elsewhere, run them with -count=1.
package house
