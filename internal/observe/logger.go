package observe

import (
	"io"
	"log/slog"
)

// Format is how log lines look.
type Format string

// The formats: key=value pairs for people, one JSON object a line for machines.
const (
	Text Format = "text"
	JSON Format = "json"
)

// NewLogger returns a logger that writes to w.
func NewLogger(w io.Writer, f Format) *slog.Logger {
	if f == JSON {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
