package users

import (
	"google.golang.org/grpc/codes"

	"github.com/splitboard/splitboard/internal/apierr"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

var (
	// ErrNotFound says that there is no user with the id.
	ErrNotFound = apierr.New(codes.NotFound, errorsv1.Reason_REASON_USER_NOT_FOUND, "there is no such user")
	// ErrUsernameTaken says that another user has the username.
	ErrUsernameTaken = apierr.New(codes.AlreadyExists, errorsv1.Reason_REASON_USERNAME_TAKEN,
		"another user has this username")
)
