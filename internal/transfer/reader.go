package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/text/encoding"
)

// A reader walks through one file, once.
type reader struct {
	file    string
	src     *source
	dec     *json.Decoder
	section string // where it is; "": in none
	index   int    // of the record; -1: in none
	raw     json.RawMessage
}

func newReader(ctx context.Context, file string, r io.Reader, progress func(n int)) *reader {
	src := newSource(ctx, r, progress)
	dec := json.NewDecoder(src)
	src.used = dec.InputOffset
	return &reader{file: file, src: src, dec: dec, index: -1}
}

// line gives the line that the reader has come to.
func (r *reader) line() int { return r.src.lineOf(r.dec.InputOffset()) }

// fail says what is wrong in a line.
func (r *reader) fail(line int, field, format string, args ...any) error {
	return &FileError{
		File: r.file, Line: line, Section: r.section, Index: r.index, Field: field,
		Problem: fmt.Sprintf(format, args...),
	}
}

// broken says why the decoder went no further.
func (r *reader) broken(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if r.src.read == 0 {
			return r.fail(0, "", "the file is empty")
		}
		return r.fail(r.src.lastLine(), "", "the file ends too early")
	case errors.Is(err, encoding.ErrInvalidUTF8):
		return r.fail(r.src.lastLine(), "", "the file is not valid UTF-8 here")
	case errors.Is(err, errTooLong):
		return r.fail(r.line(), "", "%v", err)
	case errors.As(err, &syntax):
		return r.fail(r.line(), "", "the file is not valid JSON here: %s", strings.TrimPrefix(syntax.Error(), "json: "))
	}
	// The context's end, or what the disk says.
	return fmt.Errorf("reading %s: %w", r.file, err)
}

// walk reads the whole file and calls visit at the value of each section, which visit has
// to read.
func (r *reader) walk(visit func(section string) error) error {
	if err := r.open('{', "the file must hold a JSON object"); err != nil {
		return err
	}
	var seen []string
	for r.dec.More() {
		name, err := r.name()
		if err != nil {
			return err
		}
		if !slices.Contains(sections, name) {
			return r.fail(r.line(), "", "there is no section %q; a file holds %s", shorten(name), listing(sections))
		}
		if slices.Contains(seen, name) {
			return r.fail(r.line(), "", "section %q comes twice", name)
		}
		seen = append(seen, name)
		r.section = name
		if err := visit(name); err != nil {
			return err
		}
		r.section = ""
	}
	if err := r.close(); err != nil {
		return err
	}
	_, err := r.dec.Token()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return r.fail(r.line(), "", "there is something after the JSON object")
	}
	return r.broken(err)
}

// records reads a section and calls each at every record, which each has to read.
func (r *reader) records(each func() error) error {
	if err := r.open('[', "must be an array"); err != nil {
		return err
	}
	for r.index = 0; r.dec.More(); r.index++ {
		if err := each(); err != nil {
			return err
		}
	}
	r.index = -1
	return r.close()
}

// record reads an object and calls field at the value of each of its fields, which
// field has to read. It returns the object's first line.
func (r *reader) record(field func(name string) error) (line int, err error) {
	if err := r.open('{', "must be an object"); err != nil {
		return 0, err
	}
	line = r.line()
	for r.dec.More() {
		name, err := r.name()
		if err != nil {
			return 0, err
		}
		if err := field(name); err != nil {
			return 0, err
		}
	}
	return line, r.close()
}

// open reads the delimiter that begins a value, or says what it must be.
func (r *reader) open(want json.Delim, must string) error {
	token, err := r.dec.Token()
	if err != nil {
		return r.broken(err)
	}
	if token != want {
		return r.fail(r.line(), "", "%s, is %s", must, kindOf(token))
	}
	return nil
}

// close reads the delimiter that ends a value.
func (r *reader) close() error {
	if _, err := r.dec.Token(); err != nil {
		return r.broken(err)
	}
	return nil
}

// name reads the name of an object's next field.
func (r *reader) name() (string, error) {
	token, err := r.dec.Token()
	if err != nil {
		return "", r.broken(err)
	}
	name, _ := token.(string) // the decoder takes nothing else there
	return name, nil
}

// value reads a value as it stands. It is valid until the next one is read.
func (r *reader) value() (json.RawMessage, error) {
	if err := r.dec.Decode(&r.raw); err != nil {
		return nil, r.broken(err)
	}
	return bytes.TrimSpace(r.raw), nil
}

// kindOf names what a token begins.
func kindOf(token json.Token) string {
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return "an object"
		}
		return "an array"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case nil:
		return "null"
	}
	return "a number"
}

// shorten keeps a name from the file from flooding the terminal.
func shorten(name string) string {
	const most = 40
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return name
}

// listing joins words as a sentence does.
func listing(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
