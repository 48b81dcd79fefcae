package idempotency

import (
	"errors"
	"strings"
	"testing"
)

func TestKey(t *testing.T) {
	longest := strings.Repeat("k", maxLength)
	for _, valid := range [][]string{nil, {"k"}, {"!"}, {"~"}, {longest}} {
		if key, err := Key(valid); err != nil || key != strings.Join(valid, "") {
			t.Errorf("%q: %q, %v", valid, key, err)
		}
	}
	for _, invalid := range [][]string{{""}, {" "}, {"a b"}, {"a\tb"}, {"a\n"}, {"\x7f"}, {"é"}, {"\x00"}, {longest + "k"}, {"k", "k"}} {
		if key, err := Key(invalid); !errors.Is(err, ErrInvalidKey) || key != "" {
			t.Errorf("%q: %q, %v", invalid, key, err)
		}
	}
}
