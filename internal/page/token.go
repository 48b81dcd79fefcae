package page

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"

	"google.golang.org/grpc/codes"

	"github.com/splitboard/splitboard/internal/apierr"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// ErrInvalidToken says that a page token was not given for this listing.
var ErrInvalidToken = apierr.New(codes.InvalidArgument, errorsv1.Reason_REASON_INVALID_PAGE_TOKEN,
	"the page token was not given by this listing; start again without one")

const (
	tokenVersion = 1
	// signatureSize is half of SHA-256's output: 128 bits are beyond forging.
	signatureSize = 16
)

// encoding refuses a second spelling of the same token, but for line breaks.
var encoding = base64.RawURLEncoding.Strict()

// encodeToken signs the id that a page of listing ended with.
func encodeToken(secret []byte, listing string, id int64) string {
	b := make([]byte, 0, 1+binary.MaxVarintLen64+signatureSize)
	b = append(b, tokenVersion)
	b = binary.AppendUvarint(b, uint64(id)) //nolint:gosec // ids are positive
	b = append(b, sign(secret, listing, b)...)
	return encoding.EncodeToString(b)
}

// decodeToken gives the id that encodeToken signed, or ErrInvalidToken.
func decodeToken(secret []byte, listing, token string) (int64, error) {
	b, err := encoding.DecodeString(token)
	if err != nil || len(b) < 2+signatureSize || len(token) != encoding.EncodedLen(len(b)) {
		return 0, ErrInvalidToken
	}
	body, signature := b[:len(b)-signatureSize], b[len(b)-signatureSize:]
	if !hmac.Equal(signature, sign(secret, listing, body)) {
		return 0, ErrInvalidToken
	}
	id, n := binary.Uvarint(body[1:])
	if body[0] != tokenVersion || n != len(body)-1 || id < 1 || id > math.MaxInt64 {
		return 0, ErrInvalidToken
	}
	return int64(id), nil
}

func sign(secret []byte, listing string, body []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	// A hash's Write never fails. The body has no fixed length, so it stands last.
	_, _ = mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(listing)))) //nolint:gosec // a listing's name is short
	_, _ = mac.Write([]byte(listing))
	_, _ = mac.Write(body)
	return mac.Sum(nil)[:signatureSize]
}
