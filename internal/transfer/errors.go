package transfer

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of importing and exporting.
var (
	// ErrNoSection says that a file has no section for any of the stores to fill.
	ErrNoSection = errors.New("the file has nothing for this service")
	// ErrNotEmpty says that a store holds other data than the file.
	ErrNotEmpty = errors.New("the store holds other data")
	// ErrChanged says that the file changed while it was read.
	ErrChanged = errors.New("the file was changed while it was read; nothing was loaded")
)

// A FileError is what is wrong with a file, and where.
type FileError struct {
	File    string
	Line    int    // 0: the file as a whole
	Section string // "": none
	Index   int    // of the record in its section, from 0; -1: the section as a whole
	Field   string // "": the record as a whole
	Problem string
}

func (e *FileError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	if e.Section != "" {
		b.WriteString(": " + e.Section)
		if e.Index >= 0 {
			fmt.Fprintf(&b, "[%d]", e.Index)
		}
	}
	if e.Field != "" {
		b.WriteString(": " + e.Field)
	}
	return b.String() + ": " + e.Problem
}
