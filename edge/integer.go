package edge

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// parseInteger gives the value of a JSON number that is an integer of 64 bits, however
// it is written: 1200, 1.2e3 and 12000e-1 are the same.
func parseInteger(number []byte) (int64, bool) {
	if !bytes.ContainsAny(number, ".eE") {
		n, err := strconv.ParseInt(string(number), 10, 64)
		return n, err == nil
	}
	mantissa, exponent := number, []byte("0")
	if i := bytes.IndexAny(number, "eE"); i >= 0 {
		mantissa, exponent = number[:i], number[i+1:]
	}
	mantissa, negative := bytes.CutPrefix(mantissa, []byte("-"))
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	whole = bytes.TrimLeft(whole, "0")
	significant := bytes.TrimRight(slices.Concat(whole, fraction), "0")
	if len(significant) == 0 {
		return 0, true
	}
	shift, err := strconv.ParseInt(string(exponent), 10, 32)
	if err != nil {
		return 0, false
	}
	// The point stands behind so many digits. An integer has none behind it, and one of
	// 64 bits at most 19 before it.
	point := len(whole) + int(shift)
	if point < len(significant) || point > 19 {
		return 0, false
	}
	digits := string(significant) + strings.Repeat("0", point-len(significant))
	if negative {
		digits = "-" + digits
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}
