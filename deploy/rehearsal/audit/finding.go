package audit

import (
	"fmt"
	"strings"
)

// A Finding is what an audit has against a board: in each list a line for each case.
type Finding struct {
	// Lost are writes that were acknowledged and are not there, or not any more.
	Lost []string
	// Doubled are writes that are there more than once.
	Doubled []string
	// Changed are resources that are not as a client was told last, deleted ones that
	// are there, and those that were there before the load and are not as they were.
	Changed []string
	// Strange are resources that nobody wrote.
	Strange []string

	// Open is how many writes failed, and Happened how many of them are there all the
	// same, which they may be, once. A failed deletion is not among them.
	Open, Happened int
}

// OK tells whether all is as it should be.
func (f *Finding) OK() bool {
	return len(f.Lost)+len(f.Doubled)+len(f.Changed)+len(f.Strange) == 0
}

// String says how much is wrong, with some examples.
func (f *Finding) String() string {
	some := func(name string, list []string) string {
		text := fmt.Sprintf("%s: %d", name, len(list))
		if len(list) > 0 {
			text += " (" + strings.Join(list[:min(len(list), 3)], "; ") + ")"
		}
		return text
	}
	return strings.Join([]string{
		some("lost", f.Lost), some("doubled", f.Doubled), some("changed", f.Changed), some("strange", f.Strange),
		fmt.Sprintf("of %d writes that failed, %d happened", f.Open, f.Happened),
	}, ", ")
}
