package users

import (
	"fmt"
	"regexp"

	"github.com/splitboard/splitboard/internal/fields"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// The limits of a user's fields, in Unicode code points.
const (
	maxUsername = 32
	maxName     = 100
	maxBio      = 1000
)

var (
	usernamePattern = regexp.MustCompile(fmt.Sprintf(`^[A-Za-z0-9_-]{1,%d}$`, maxUsername))
	mask            = fields.Mask{Mutable: []string{"username", "name", "bio"}}
)

// validate checks every field that clients set.
func validate(u *usersv1.User) error {
	var v fields.Violations
	validateFields(&v, u, mask.Mutable)
	return v.Err()
}

// validateFields checks the fields of u that paths name.
func validateFields(v *fields.Violations, u *usersv1.User, paths []string) {
	for _, path := range paths {
		switch path {
		case "username":
			if !usernamePattern.MatchString(u.GetUsername()) {
				v.Add(path, "must have 1 to %d of the letters A to Z and a to z, digits, `_` and `-`", maxUsername)
			}
		case "name":
			v.Line(path, u.GetName(), 1, maxName)
		case "bio":
			v.Text(path, u.GetBio(), 0, maxBio)
		}
	}
}
