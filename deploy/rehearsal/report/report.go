// Package report shows a rehearsal: while it runs as a few lines on the terminal that
// keep up with it (Live), and when it is over as a few lines of text (Summary), as a page
// that needs nothing but itself (HTML), and as a picture (Plot).
package report

import (
	"embed"
	"html/template"
	"io"

	"github.com/splitboard/splitboard/deploy/rehearsal/result"
)

//go:embed page.html plot.svg palette.css plot.css page.css page.js
var files embed.FS

// templates escape what they show, for page and picture alike; what a rehearsal's
// strings could still do to XML and to the reader's eye, clean takes out.
var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"count": count,
	"took":  took,
	"at":    at,
	"css":   func(name string) (template.CSS, error) { return read[template.CSS](name) },
	"js":    func(name string) (template.JS, error) { return read[template.JS](name) },
}).ParseFS(files, "page.html", "plot.svg"))

// read gives one of our own files, which is code and not to be escaped.
func read[T template.CSS | template.JS](name string) (T, error) {
	text, err := files.ReadFile(name)
	return T(text), err
}

// The shapes that the plot is drawn in. The page has one for each width of window, since
// text that is scaled down to a phone's width cannot be read.
var (
	wide    = shape{id: "wide", width: 1104, left: 74, right: 20}
	medium  = shape{id: "medium", width: 720, left: 70, right: 16}
	narrow  = shape{id: "narrow", width: 358, left: 66, right: 8}
	picture = shape{id: "picture", width: 940, left: 102, right: 34, alone: true}
)

// HTML writes the whole report as one page, which loads nothing from anywhere.
func HTML(w io.Writer, r result.Result) error {
	return templates.ExecuteTemplate(w, "page.html", newPage(clean(r)))
}

// Plot writes the report's plot alone, with the verdict above and the steps' names
// below, as an SVG that follows the reader's light or dark colours.
func Plot(w io.Writer, r result.Result) error {
	return templates.ExecuteTemplate(w, "plot.svg", newPlot(clean(r), picture))
}
