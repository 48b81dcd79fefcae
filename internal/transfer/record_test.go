package transfer

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestHalfPair(t *testing.T) {
	for raw, want := range map[string]bool{
		`""`:                         false,
		`"\ud83d\ude00"`:             false,
		`"\uD83D\uDE00\uD83D\uDE00"`: false,
		`"\ufffd"`:                   false,
		`"\\ud83d"`:                  false,
		`"\\\\ud83d"`:                false,
		`"\n\"\/\u0041"`:             false,
		`"\ud83d"`:                   true,
		`"\ude00"`:                   true,
		`"\ude00\ud83d"`:             true,
		`"\ud83d\ud83d\ude00"`:       true,
		`"\ud83d\\ude00"`:            true,
		`"\ud83dx\ude00"`:            true,
		`"\ud83d\u0041"`:             true,
		`"\\\ud83d"`:                 true,
	} {
		if got := halfPair([]byte(raw)); got != want {
			t.Errorf("halfPair(%s) is %v", raw, got)
		}
	}
}

// A string without U+FFFD of its own becomes one with it just if it has half a pair.
func FuzzHalfPair(f *testing.F) {
	f.Add(`\ud83d\ude00`)
	f.Add(`\\\ud83d\n`)
	f.Fuzz(func(t *testing.T, inside string) {
		raw := []byte(`"` + inside + `"`)
		var s string
		if strings.ContainsRune(strings.ToValidUTF8(inside, "\uFFFD"), '\uFFFD') || strings.Contains(strings.ToLower(inside), `\ufffd`) || json.Unmarshal(raw, &s) != nil {
			return // no such string
		}
		if got, want := halfPair(raw), strings.ContainsRune(s, '\uFFFD'); got != want {
			t.Errorf("halfPair(%s) is %v, want %v", raw, got, want)
		}
	})
}
