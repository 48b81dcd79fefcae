package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/disk"
	"github.com/splitboard/splitboard/internal/store"
)

// load builds the stores aside.
func (im *importer) load(ctx context.Context) error {
	r, err := im.open(ctx)
	if err != nil {
		return err
	}
	now := im.opts.Now()
	err = r.walk(func(section string) error {
		p := im.part(section)
		if p == nil || !p.loads() {
			return r.records(func() error {
				_, err := r.skim()
				return err
			})
		}
		started := time.Now()
		defer func() { p.took = time.Since(started) }()
		if err := Sweep(p.Path); err != nil {
			return err
		}
		p.built = true
		clock := func() time.Time { return now }
		return store.Build(ctx, p.aside, p.Schema, store.Options{Now: clock}, p.digest, func(b *store.Builder) error {
			return im.insert(r, p, b, now)
		})
	})
	if err != nil {
		return err
	}
	for _, p := range im.parts {
		if p.loads() && !p.built {
			return fmt.Errorf("%s: %w", im.name, ErrChanged)
		}
	}
	return nil
}

// insert reads the part's section into the store that is built.
func (im *importer) insert(r *reader, p *part, b *store.Builder, now time.Time) error {
	digest := newDigester(p.Table.section)
	indexer := newIndexer(b, p.row)
	stamp := timestamppb.New(now.UTC().Truncate(time.Millisecond))
	err := r.records(func() error {
		line, err := r.fill(p.row)
		if err != nil {
			return err
		}
		if err := im.resolve(r, p.row); err != nil {
			return err
		}
		digest.add(p.row.columns)
		err = b.Change(func(tx *store.Tx) error {
			return r.explain(p.row, line, p.row.insert(tx, stamp))
		})
		if err != nil {
			return err
		}
		return indexer.add()
	})
	if err != nil {
		return err
	}
	if err := indexer.flush(); err != nil {
		return err
	}
	if !bytes.Equal(digest.sum(), p.digest) {
		return fmt.Errorf("%s: %w", im.name, ErrChanged)
	}
	return nil
}

// resolve checks that what the record refers to exists, as far as the file holds it.
func (im *importer) resolve(r *reader, w *row) error {
	for i, c := range w.columns {
		if c.kind != kindRef {
			continue
		}
		if ids := im.ids[c.refers]; ids != nil && !ids.has(*c.number) {
			return r.fail(w.lines[i], c.name, "there is no %s with the id %d in the file", strings.TrimSuffix(c.refers, "s"), *c.number)
		}
	}
	return nil
}

// place puts the stores where they belong.
func (im *importer) place() error {
	var placed []string
	for _, p := range im.parts {
		if !p.loads() {
			continue
		}
		err := os.Rename(p.aside, p.Path)
		if err == nil {
			err = disk.SyncParent(p.Path)
		}
		if err != nil {
			if len(placed) > 0 {
				return fmt.Errorf("%s: %w (%s is in place; import again to complete)", p.Table.section, err, listing(placed))
			}
			return fmt.Errorf("%s: %w", p.Table.section, err)
		}
		placed = append(placed, p.Table.section)
	}
	return nil
}

// aside gives where the store that belongs at path is built.
func aside(path string) string { return path + ".import" }

// Sweep removes what an import that was killed left beside the store at path. The caller
// holds the service's lock.
func Sweep(path string) error {
	// The second is where store.Build works on the first.
	return errors.Join(disk.Remove(aside(path)), disk.Remove(aside(path)+".new"))
}
