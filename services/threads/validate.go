package threads

import (
	"github.com/splitboard/splitboard/internal/fields"

	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
)

// maxTitle is the most Unicode code points that a title has.
const maxTitle = 200

var mask = fields.Mask{Mutable: []string{"title"}, Immutable: []string{"created_by"}}

// validate checks every field that clients set.
func validate(t *threadsv1.Thread) error {
	var v fields.Violations
	validateFields(&v, t, mask.Mutable)
	v.ID("createdBy", t.GetCreatedBy())
	return v.Err()
}

// validateFields checks the fields of t that paths name.
func validateFields(v *fields.Violations, t *threadsv1.Thread, paths []string) {
	for _, path := range paths {
		if path == "title" {
			v.Line(path, t.GetTitle(), 1, maxTitle)
		}
	}
}
