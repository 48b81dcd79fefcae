package transfer

import "testing"

// SetIndexRun makes runs shorter until the test ends.
func SetIndexRun(tb testing.TB, n int) {
	tb.Helper()
	before := indexRun
	indexRun = n
	tb.Cleanup(func() { indexRun = before })
}
