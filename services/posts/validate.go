package posts

import (
	"github.com/splitboard/splitboard/internal/fields"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

// maxText is the most Unicode code points that a post's text has.
const maxText = 10_000

var mask = fields.Mask{Mutable: []string{"text"}, Immutable: []string{"thread", "user"}}

// validate checks every field that clients set.
func validate(p *postsv1.Post) error {
	var v fields.Violations
	v.ID("thread", p.GetThread())
	validateFields(&v, p, mask.Mutable)
	v.ID("user", p.GetUser())
	return v.Err()
}

// validateFields checks the fields of p that paths name.
func validateFields(v *fields.Violations, p *postsv1.Post, paths []string) {
	for _, path := range paths {
		if path == "text" {
			v.Text(path, p.GetText(), 1, maxText)
		}
	}
}
