package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/splitboard/splitboard/internal/apierr"
)

// maxID is the highest id that every JSON reader keeps exact (RFC 8259 section 6).
const maxID = 1<<53 - 1

// fill reads the next record into w, with the id of its place if it carries none. It
// checks the record by itself, and returns its first line.
func (r *reader) fill(w *row) (line int, err error) {
	w.reset()
	line, err = r.record(func(name string) error {
		i := w.column(name)
		if i < 0 {
			return r.fail(r.line(), "", "there is no field %q", shorten(name))
		}
		if w.lines[i] > 0 {
			return r.fail(r.line(), "", "field %q comes twice", name)
		}
		raw, err := r.value()
		if err != nil {
			return err
		}
		w.lines[i] = r.line()
		if problem := w.columns[i].set(raw); problem != "" {
			return r.fail(w.lines[i], name, "%s", problem)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for i, c := range w.columns {
		if w.lines[i] > 0 {
			continue
		}
		switch c.kind {
		case kindID, kindRef:
			return 0, r.fail(line, c.name, "is missing")
		case kindPlace:
			*c.number = int64(r.index) + 1
		case kindText:
			// Empty, which Validate judges.
		}
	}
	return line, r.explain(w, line, w.validate())
}

// skim reads a record of a section that belongs to another service and gives its id, or
// 0 if that is none.
func (r *reader) skim() (id int64, err error) {
	var names []string
	column := ID(&id)
	_, err = r.record(func(name string) error {
		if slices.Contains(names, name) {
			return r.fail(r.line(), "", "field %q comes twice", shorten(name))
		}
		names = append(names, name)
		raw, err := r.value()
		if err != nil || name != column.name {
			return err
		}
		if column.set(raw) != "" {
			id = 0
		}
		return nil
	})
	return id, err
}

// explain says where in the file the record is that err is about. Other errors it
// returns as they are.
func (r *reader) explain(w *row, line int, err error) error {
	reason, ok := errors.AsType[*apierr.Error](err)
	if !ok {
		return err
	}
	st := reason.GRPCStatus()
	for _, detail := range st.Details() {
		bad, ok := detail.(*errdetails.BadRequest)
		if !ok || len(bad.GetFieldViolations()) == 0 {
			continue
		}
		first := bad.GetFieldViolations()[0]
		problems := []string{first.GetDescription()}
		for _, v := range bad.GetFieldViolations()[1:] {
			problems = append(problems, v.GetField()+": "+v.GetDescription())
		}
		return r.fail(w.line(first.GetField(), line), first.GetField(), "%s", strings.Join(problems, "; "))
	}
	return r.fail(line, "", "%s", st.Message())
}

// set reads the column's value, or says what is wrong with it.
func (c *Column) set(raw json.RawMessage) (problem string) {
	if c.kind == kindText {
		return c.setText(raw)
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err == nil && n >= 1 && n <= maxID {
		*c.number = n
		return ""
	}
	is := kindOfRaw(raw)
	if is == "a number" {
		is = shorten(string(raw))
	}
	return "must be a whole number from 1 to " + strconv.Itoa(maxID) + ", is " + is
}

func (c *Column) setText(raw json.RawMessage) (problem string) {
	if raw[0] != '"' {
		return "must be a string, is " + kindOfRaw(raw)
	}
	if halfPair(raw) {
		return "has an escape that is half of a UTF-16 surrogate pair"
	}
	if err := json.Unmarshal(raw, c.text); err != nil {
		// The decoder has read it as a string already.
		return "must be a string"
	}
	return ""
}

// kindOfRaw names the kind of a value.
func kindOfRaw(raw json.RawMessage) string {
	switch raw[0] {
	case '{', '[':
		return kindOf(json.Delim(raw[0]))
	case '"':
		return kindOf("")
	case 't', 'f':
		return kindOf(false)
	case 'n':
		return kindOf(nil)
	}
	return kindOf(0.0)
}

// halfPair tells whether a JSON string has a \u escape of one half of a surrogate pair
// without the other: encoding/json would make U+FFFD of it.
func halfPair(raw []byte) bool {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return false
		}
		raw = raw[i:]
		first := escaped(raw)
		if first < 0 {
			raw = raw[2:] // another escape
			continue
		}
		raw = raw[6:]
		if !utf16.IsSurrogate(first) {
			continue
		}
		if second := escaped(raw); second < 0 || utf16.DecodeRune(first, second) == '\uFFFD' {
			return true
		}
		raw = raw[6:]
	}
}

// escaped gives the number in the \u escape that raw begins with, or -1.
func escaped(raw []byte) rune {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}
