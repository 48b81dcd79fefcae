package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/splitboard/splitboard/internal/disk"
	"github.com/splitboard/splitboard/internal/store"
)

// A Target is a store to fill. The caller holds its service's lock.
type Target struct {
	Table  Table
	Schema store.Schema
	Path   string // of its file; its folder exists
}

// Options say how a file is imported. The zero value is right for tests.
type Options struct {
	// Now is the clock; nil means time.Now. All records get the time at the start.
	Now func() time.Time
	// Progress is told how many bytes of how many were read; nil: nobody is. The file is
	// read twice, and both count.
	Progress func(done, total int64)
}

// An Outcome is what an import did to a store.
type Outcome int

const (
	// Loaded says that the store holds the file's records now, and nothing else.
	Loaded Outcome = iota
	// Held says that the store held just these records before.
	Held
	// HeldAndChanged says that the store was filled with these records before, and has
	// been written to since.
	HeldAndChanged
	// Absent says that the file has no section for the store. It was left alone.
	Absent
)

// A Result is what became of one target.
type Result struct {
	Section string
	Outcome Outcome
	Records int64 // in the file
	// Unchecked are the sections that these records refer to and the file does not
	// hold: whether what they refer to exists was not checked.
	Unchecked []string
	// Took is how long it took to fill the store.
	Took time.Duration
}

// Import fills the targets' stores, which must be missing or empty, with what the file r
// holds for them. The results are in the targets' order.
//
// Nothing is half-loaded: all stores are built aside, and put in place, each by one
// rename, when the last of them is complete. Dying between two of these renames leaves
// the stores that come later as they were; a second run completes them, because a store
// that holds the file's records already is left alone.
//
// It returns a *FileError, ErrNoSection, ErrNotEmpty, ErrChanged, store.ErrForeign,
// store.ErrBusy, ctx's error, or what the file system said.
func Import(ctx context.Context, name string, r io.ReadSeeker, targets []Target, opts Options) ([]Result, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	im := &importer{name: name, file: r, opts: opts, ids: make(map[string]idSet)}
	for _, t := range targets {
		im.parts = append(im.parts, &part{Target: t, row: t.Table.newRow(), aside: aside(t.Path)})
	}
	if err := im.run(ctx); err != nil {
		return nil, err
	}
	results := make([]Result, 0, len(im.parts))
	for _, p := range im.parts {
		results = append(results, p.result())
	}
	return results, nil
}

// An importer is one call of Import.
type importer struct {
	name        string
	file        io.ReadSeeker
	opts        Options
	done, total int64 // bytes
	parts       []*part
	// ids has those of each section of the file that records of the parts have or
	// refer to.
	ids map[string]idSet
}

// A part is a target and what the file has for it.
type part struct {
	Target
	row       *row
	aside     string // where the store is built
	present   bool
	built     bool
	records   int64
	digest    []byte
	outcome   Outcome
	unchecked []string
	took      time.Duration
}

func (p *part) result() Result {
	return Result{Section: p.Table.section, Outcome: p.outcome, Records: p.records, Unchecked: p.unchecked, Took: p.took}
}

// loads tells whether the part's store is to be filled.
func (p *part) loads() bool { return p.present && p.outcome == Loaded }

// changes tells how many changes of its store a record takes.
func (p *part) changes() uint64 { return 1 + uint64(len(p.row.indexes)) }

func (im *importer) run(ctx context.Context) (err error) {
	size, err := im.file.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("%s is read twice, so it must be a regular file: %w", im.name, err)
	}
	im.total = 2 * size
	if err := im.survey(ctx); err != nil {
		return err
	}
	load := false
	for _, p := range im.parts {
		if err := p.compare(); err != nil {
			return err
		}
		load = load || p.loads()
	}
	if !load {
		return nil
	}
	defer func() {
		for _, p := range im.parts {
			err = errors.Join(err, disk.Remove(p.aside))
		}
	}()
	if err := im.load(ctx); err != nil {
		return err
	}
	return im.place()
}

// open starts to read the file from its beginning.
func (im *importer) open(ctx context.Context) (*reader, error) {
	if _, err := im.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var bom [3]byte
	n, err := io.ReadFull(im.file, bom[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("reading %s: %w", im.name, err)
	}
	if string(bom[:n]) == "\uFEFF" {
		return nil, &FileError{File: im.name, Line: 1, Problem: "the file begins with a byte order mark; save it as UTF-8 without one"}
	}
	progress := func(n int) {
		im.done += int64(n)
		if im.opts.Progress != nil {
			im.opts.Progress(im.done, im.total)
		}
	}
	return newReader(ctx, im.name, io.MultiReader(bytes.NewReader(bom[:n]), im.file), progress), nil
}

// survey checks the file and learns what it has for each part. What records refer to is
// left for later, as the section they refer to may come after theirs.
func (im *importer) survey(ctx context.Context) error {
	r, err := im.open(ctx)
	if err != nil {
		return err
	}
	err = r.walk(func(section string) error {
		ids := make(idSet)
		im.ids[section] = ids
		p := im.part(section)
		if p == nil {
			return r.records(func() error {
				id, err := r.skim()
				if id > 0 {
					ids.add(id)
				}
				return err
			})
		}
		p.present = true
		digest := newDigester(section)
		defer func() { p.digest = digest.sum() }()
		return r.records(func() error {
			line, err := r.fill(p.row)
			if err != nil {
				return err
			}
			if id := p.row.id(); !ids.add(id) {
				return r.fail(p.row.line("id", line), "id", "%d is another record's already", id)
			}
			digest.add(p.row.columns)
			p.records++
			return nil
		})
	})
	if err != nil {
		return err
	}
	return im.expect()
}

// expect returns ErrNoSection if the file has nothing for any part, and notes what the
// others refer to in vain.
func (im *importer) expect() error {
	var wanted []string
	some := false
	for _, p := range im.parts {
		wanted = append(wanted, p.Table.section)
		if !p.present {
			p.outcome = Absent
			continue
		}
		some = true
		for _, c := range p.row.columns {
			if c.kind == kindRef && im.ids[c.refers] == nil {
				p.unchecked = append(p.unchecked, c.refers)
			}
		}
	}
	if some {
		return nil
	}
	return fmt.Errorf("%s: %w: it has no %s", im.name, ErrNoSection, strings.Join(wanted, ", no "))
}

// compare decides what becomes of the part's store. It returns ErrNotEmpty.
func (p *part) compare() error {
	if !p.present {
		return nil
	}
	info, err := store.Peek(p.Path)
	if errors.Is(err, store.ErrMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Service != p.Schema.Service {
		return fmt.Errorf("%w: %s is the store of %q, not of %q", store.ErrForeign, p.Path, info.Service, p.Schema.Service)
	}
	changes := uint64(p.records) * p.changes() //nolint:gosec // a count
	switch {
	case bytes.Equal(info.ImportDigest, p.digest) && info.Sequence == changes:
		p.outcome = Held
	case bytes.Equal(info.ImportDigest, p.digest):
		p.outcome = HeldAndChanged
	case info.Sequence > 0:
		return fmt.Errorf("%s: %w: %s", p.Table.section, ErrNotEmpty, p.Path)
	}
	return nil
}

// part gives the part that a section is for, or nil.
func (im *importer) part(section string) *part {
	for _, p := range im.parts {
		if p.Table.section == section {
			return p
		}
	}
	return nil
}
