// Package boardtest is the whole-board suite: what every way of running the board
// must do, written once against the generated clients and the REST face. It knows
// addresses and nothing else of the board under test; callers start a board, as
// one process or as several, and hand its [Board] to [Run], [Walk] and [Cross].
//
// REST requests stand in tables of [exchange] values, a file per topic. A request or
// an expected answer may hold placeholders, `{user}` or `{tag:new}` for example; see
// the type vars. Every case makes the objects that it changes, so cases
// can run in any order and at the same time.
package boardtest
