package fields_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/apierr/apierrtest"
	"github.com/splitboard/splitboard/internal/fields"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

var (
	userMask   = fields.Mask{Mutable: []string{"username", "name", "bio"}}
	threadMask = fields.Mask{Mutable: []string{"title"}, Immutable: []string{"created_by"}}
)

func TestMaskPaths(t *testing.T) {
	full := &usersv1.User{
		Id: 1, Username: "ada", Name: "Ada", Bio: "b", Etag: `"1"`, CreateTime: timestamppb.Now(),
	}
	for name, c := range map[string]struct {
		user  *usersv1.User
		paths []string
		want  []string
		bad   []string
	}{
		"no mask and nothing set":       {&usersv1.User{}, nil, nil, nil},
		"no mask and no resource":       {nil, nil, nil, nil},
		"no mask: what is not empty":    {&usersv1.User{Bio: "b", Id: 7, Etag: "x"}, nil, []string{"bio"}, nil},
		"no mask and all set":           {full, nil, []string{"username", "name", "bio"}, nil},
		"all":                           {&usersv1.User{}, []string{"*"}, []string{"username", "name", "bio"}, nil},
		"one":                           {full, []string{"name"}, []string{"name"}, nil},
		"one that is empty":             {&usersv1.User{}, []string{"bio"}, []string{"bio"}, nil},
		"in the mask's order":           {full, []string{"bio", "name"}, []string{"bio", "name"}, nil},
		"one twice":                     {full, []string{"bio", "bio"}, []string{"bio"}, nil},
		"output only ones are ignored":  {full, []string{"id", "create_time", "update_time", "etag", "name"}, []string{"name"}, nil},
		"only output only ones":         {full, []string{"id", "etag"}, []string{}, nil},
		"no field":                      {full, []string{"nickname"}, []string{}, []string{"updateMask"}},
		"no field, and one":             {full, []string{"nickname", "bio"}, []string{"bio"}, []string{"updateMask"}},
		"`*` among others":              {full, []string{"*", "bio"}, []string{"bio"}, []string{"updateMask"}},
		"`*` twice":                     {full, []string{"*", "*"}, []string{}, []string{"updateMask"}},
		"the JSON name":                 {full, []string{"createTime"}, []string{}, []string{"updateMask"}},
		"another case":                  {full, []string{"Bio"}, []string{}, []string{"updateMask"}},
		"a path into a field":           {full, []string{"create_time.seconds"}, []string{}, []string{"updateMask"}},
		"with the resource's own name":  {full, []string{"user.bio"}, []string{}, []string{"updateMask"}},
		"an empty path":                 {full, []string{""}, []string{}, []string{"updateMask"}},
		"a path that is no valid UTF-8": {full, []string{"\xff"}, []string{}, []string{"updateMask"}},
		"no resource, but paths":        {nil, []string{"bio", "name"}, []string{"bio", "name"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var v fields.Violations
			var mask *fieldmaskpb.FieldMask
			if c.paths != nil {
				mask = &fieldmaskpb.FieldMask{Paths: c.paths}
			}
			if got := userMask.Paths(&v, mask, c.user); !slices.Equal(got, c.want) {
				t.Errorf("Paths = %q, want %q", got, c.want)
			}
			if c.bad == nil {
				apierrtest.Want(t, v.Err(), errorsv1.Reason_REASON_UNSPECIFIED)
			} else {
				apierrtest.Want(t, v.Err(), errorsv1.Reason_REASON_INVALID_FIELD, c.bad...)
			}
		})
	}
}

func TestImmutableFieldsAreNamedAsJSONDoes(t *testing.T) {
	var v fields.Violations
	got := threadMask.Paths(&v, &fieldmaskpb.FieldMask{Paths: []string{"created_by", "title", "nonsense"}}, &threadsv1.Thread{})
	if !slices.Equal(got, []string{"title"}) {
		t.Errorf("Paths = %q", got)
	}
	apierrtest.Want(t, v.Err(), errorsv1.Reason_REASON_INVALID_FIELD, "createdBy", "updateMask")
}

// A mask of a megabyte costs no more than reading it, and is answered in a few lines.
func TestMasksAreBounded(t *testing.T) {
	many := make([]string, 300_000)
	for i := range many {
		many[i] = "x"
	}
	for name, paths := range map[string][]string{
		"many paths": many,
		"a long one": {strings.Repeat("x", 1<<20)},
		"of nulls":   {strings.Repeat("\x00", 1<<20)},
	} {
		var v fields.Violations
		userMask.Paths(&v, &fieldmaskpb.FieldMask{Paths: paths}, &usersv1.User{})
		apierrtest.Want(t, v.Err(), errorsv1.Reason_REASON_INVALID_FIELD, "updateMask")
		if got := proto.Size(apierr.Status(v.Err()).Proto()); got > 8<<10 {
			t.Errorf("%s: the status has %d bytes", name, got)
		}
	}
}

func TestCopy(t *testing.T) {
	now := timestamppb.Now()
	before := &usersv1.User{Id: 1, Username: "ada", Name: "Ada", Bio: "b", CreateTime: now, Etag: `"1"`}
	for name, c := range map[string]struct {
		from    *usersv1.User
		paths   []string
		want    *usersv1.User
		changed bool
	}{
		"nothing":        {&usersv1.User{Name: "Grace"}, nil, before, false},
		"what is as was": {&usersv1.User{Name: "Ada", Bio: "b"}, []string{"name", "bio"}, before, false},
		"one of two": {
			&usersv1.User{Name: "Ada", Bio: "c", Username: "grace"},
			[]string{"name", "bio"},
			&usersv1.User{Id: 1, Username: "ada", Name: "Ada", Bio: "c", CreateTime: now, Etag: `"1"`},
			true,
		},
		"to empty": {
			&usersv1.User{},
			[]string{"bio"},
			&usersv1.User{Id: 1, Username: "ada", Name: "Ada", CreateTime: now, Etag: `"1"`},
			true,
		},
		"from no resource": {
			nil,
			[]string{"bio"},
			&usersv1.User{Id: 1, Username: "ada", Name: "Ada", CreateTime: now, Etag: `"1"`},
			true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			to, ok := proto.Clone(before).(*usersv1.User)
			if !ok {
				t.Fatal("a clone of another type")
			}
			if changed := fields.Copy(to, c.from, c.paths); changed != c.changed || !proto.Equal(to, c.want) {
				t.Errorf("Copy = %t, and %v; want %t, %v", changed, to, c.changed, c.want)
			}
		})
	}
}

func FuzzMask(f *testing.F) {
	for _, paths := range []string{"", "*", "name", "name,bio", "created_by", "title,created_by", "a.b", "*,*", "\xff", ",", "id"} {
		f.Add(paths)
	}
	f.Fuzz(func(t *testing.T, paths string) {
		var v fields.Violations
		mask := &fieldmaskpb.FieldMask{Paths: strings.Split(paths, ",")}
		for _, path := range threadMask.Paths(&v, mask, &threadsv1.Thread{}) {
			if path != "title" {
				t.Errorf("the mask %q changes %q", paths, path)
			}
		}
		if err := v.Err(); err != nil && apierr.ReasonOf(apierr.Status(err)) != "INVALID_FIELD" {
			t.Errorf("the mask %q gives %v", paths, err)
		}
	})
}
