package fields

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// A Mask says which of a resource's fields clients may change, by proto name.
type Mask struct {
	// Mutable fields can be changed.
	Mutable []string
	// Immutable fields are given at creation; to name one in an update is a violation.
	Immutable []string
	// All others of the resource are output only, and ignored (AIP-203).
}

// Paths gives the fields that an update changes, as AIP-134 has it: those that mask
// names, all mutable ones for `*`, and with an empty mask those that are not empty in
// resource. It records a violation for each path that cannot be changed.
func (m Mask) Paths(v *Violations, mask *fieldmaskpb.FieldMask, resource proto.Message) []string {
	r := resource.ProtoReflect()
	named := mask.GetPaths()
	switch {
	case len(named) == 0:
		return m.populated(r)
	case len(named) == 1 && named[0] == "*":
		return m.Mutable
	}
	paths := make([]string, 0, len(named))
	for _, path := range named {
		field := r.Descriptor().Fields().ByName(protoreflect.Name(path))
		switch {
		case path == "*":
			v.Add("updateMask", "`*` must be the only path")
		case field == nil:
			v.Add("updateMask", "%.40q is no field of %s", path, r.Descriptor().Name())
		case slices.Contains(m.Immutable, path):
			v.Add(field.JSONName(), "cannot be changed")
		case slices.Contains(m.Mutable, path) && !slices.Contains(paths, path):
			paths = append(paths, path)
		}
	}
	return paths
}

func (m Mask) populated(r protoreflect.Message) []string {
	var paths []string
	for _, path := range m.Mutable {
		if r.Has(r.Descriptor().Fields().ByName(protoreflect.Name(path))) {
			paths = append(paths, path)
		}
	}
	return paths
}

// Copy sets the named fields of to as they are in from, and tells whether that changed
// anything. Both are of the same type.
func Copy(to, from proto.Message, paths []string) (changed bool) {
	t, f := to.ProtoReflect(), from.ProtoReflect()
	for _, path := range paths {
		field := t.Descriptor().Fields().ByName(protoreflect.Name(path))
		if t.Get(field).Equal(f.Get(field)) {
			continue
		}
		changed = true
		t.Set(field, f.Get(field))
	}
	return changed
}
