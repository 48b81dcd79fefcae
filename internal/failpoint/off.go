//go:build !failpoints

package failpoint

// Enabled tells whether this binary has fail points.
const Enabled = false

// Hit takes the point's action, if it has one.
func Hit(Point) {}

// Err takes the point's action, if it has one, and gives the error that it injects.
func Err(Point) error { return nil }

// Off tells whether the switch is turned off.
func Off(Switch) bool { return false }
