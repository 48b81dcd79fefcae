package page

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/splitboard/splitboard/internal/apierr/apierrtest"
	"github.com/splitboard/splitboard/internal/fields"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

var secret = []byte("0123456789abcdef0123456789abcdef")

// request checks a request for a listing of things.
func request(size int32, token, orderBy string) (Request, error) {
	var v fields.Violations
	return NewRequest(&v, secret, "things", size, token, orderBy)
}

func TestSizeIsCoerced(t *testing.T) {
	for size, want := range map[int32]int{
		0: DefaultSize, 1: 1, 7: 7, 100: 100, 999: 999, 1000: 1000, 1001: 1000, math.MaxInt32: 1000,
	} {
		if r, err := request(size, "", ""); err != nil || r.Size != want {
			t.Errorf("size %d: %d, %v; want %d", size, r.Size, err, want)
		}
	}
}

func TestOrder(t *testing.T) {
	for orderBy, desc := range map[string]bool{
		"": false, "id": false, "id asc": false, " id ": false, "  id   asc ": false, " ": false,
		"id desc": true, " id  desc ": true, "id\tdesc": true,
	} {
		if r, err := request(0, "", orderBy); err != nil || r.Desc != desc {
			t.Errorf("orderBy %q: desc is %t, %v", orderBy, r.Desc, err)
		}
	}
}

func TestViolations(t *testing.T) {
	for _, c := range []struct {
		size           int32
		token, orderBy string
		fields         []string
	}{
		{-1, "", "", []string{"pageSize"}},
		{math.MinInt32, "", "id", []string{"pageSize"}},
		{-1, "nonsense", "ID", []string{"pageSize", "orderBy"}},
		{0, "", "ID", []string{"orderBy"}},
		{0, "", "id DESC", []string{"orderBy"}},
		{0, "", "desc", []string{"orderBy"}},
		{0, "", "id,id desc", []string{"orderBy"}},
		{0, "", "id desc id", []string{"orderBy"}},
		{0, "", "createTime", []string{"orderBy"}},
		{0, "", "id\x00", []string{"orderBy"}},
		{0, "", strings.Repeat("id ", 1000), []string{"orderBy"}},
	} {
		_, err := request(c.size, c.token, c.orderBy)
		apierrtest.Want(t, err, errorsv1.Reason_REASON_INVALID_FIELD, c.fields...)
	}
	// What was found before is not lost.
	var v fields.Violations
	v.ID("thread", 0)
	_, err := NewRequest(&v, secret, "things", -1, "", "")
	apierrtest.Want(t, err, errorsv1.Reason_REASON_INVALID_FIELD, "thread", "pageSize")
}

func TestTokensAreGoodForTheirListingOnly(t *testing.T) {
	tokenOf := func(secret, listing, orderBy string, id int64) string {
		t.Helper()
		var v fields.Violations
		r, err := NewRequest(&v, []byte(secret), listing, 1, "", orderBy)
		if err != nil {
			t.Fatal(err)
		}
		return r.NextToken(id)
	}
	for _, id := range []int64{1, 2, 127, 128, 1 << 32, math.MaxInt64 - 1, math.MaxInt64} {
		for _, order := range []string{"id", "id desc"} {
			r, err := request(1, tokenOf(string(secret), "things", order, id), order)
			if err != nil || r.After != id {
				t.Errorf("the token of id %d by %s: %d, %v", id, order, r.After, err)
			}
		}
		for name, token := range map[string]string{
			"another listing":              tokenOf(string(secret), "thing", "id", id),
			"a listing that begins so":     tokenOf(string(secret), "things 1", "id", id),
			"no listing":                   tokenOf(string(secret), "", "id", id),
			"the other order":              tokenOf(string(secret), "things", "id desc", id),
			"a listing that ends in desc":  tokenOf(string(secret), "things desc", "id", id),
			"another secret":               tokenOf("another secret of the same length", "things", "id", id),
			"another version":              encoding.EncodeToString(append([]byte{2}, signed(2, id)...)),
			"two of them":                  strings.Repeat(tokenOf(string(secret), "things", "id", id), 2),
			"one with a line break":        tokenOf(string(secret), "things", "id", id) + "\n",
			"one with a break in it":       tokenOf(string(secret), "things", "id", id)[:5] + "\r\n" + tokenOf(string(secret), "things", "id", id)[5:],
			"one with padding":             tokenOf(string(secret), "things", "id", id) + "=",
			"one with a space":             " " + tokenOf(string(secret), "things", "id", id),
			"one in the standard alphabet": "++++" + tokenOf(string(secret), "things", "id", id)[4:],
		} {
			if r, err := request(1, token, ""); !errors.Is(err, ErrInvalidToken) {
				t.Errorf("id %d, %s: %d, %v; want ErrInvalidToken", id, name, r.After, err)
			}
		}
	}
	// Ids that do not exist cannot be signed into a token that is taken.
	for _, id := range []int64{0, -1, math.MinInt64} {
		if _, err := request(1, tokenOf(string(secret), "things", "id", id), ""); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("a token of id %d: %v, want ErrInvalidToken", id, err)
		}
	}
	// A filter of the client's own choice does not make another order's token.
	for _, c := range [][2]string{{"things desc", "id"}, {"things", "id desc"}} {
		for _, d := range [][2]string{{"things desc", "id"}, {"things", "id desc"}} {
			var v fields.Violations
			_, err := NewRequest(&v, secret, d[0], 1, tokenOf(string(secret), c[0], c[1], 5), d[1])
			if (err == nil) != (c == d) {
				t.Errorf("the token of %q for %q: %v", c, d, err)
			}
		}
	}
}

// signed gives a token's bytes after the version, rightly signed.
func signed(version byte, id int64) []byte {
	token, err := encoding.DecodeString(encodeToken(secret, "+things", id))
	if err != nil {
		panic(err)
	}
	body := append([]byte{version}, token[1:len(token)-signatureSize]...)
	return append(body[1:], sign(secret, "+things", body)...)
}

func TestNoBitOfATokenCanChange(t *testing.T) {
	for _, id := range []int64{1, 300, math.MaxInt64} {
		r, err := request(1, "", "")
		if err != nil {
			t.Fatal(err)
		}
		token := r.NextToken(id)
		raw, err := encoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(token) * 8 {
			flipped := []byte(token)
			flipped[i/8] ^= 1 << (i % 8)
			if _, err := request(1, string(flipped), ""); !errors.Is(err, ErrInvalidToken) {
				t.Errorf("bit %d of %s: %v, want ErrInvalidToken", i, token, err)
			}
		}
		for i := range len(raw) * 8 {
			flipped := append([]byte(nil), raw...)
			flipped[i/8] ^= 1 << (i % 8)
			if _, err := request(1, encoding.EncodeToString(flipped), ""); !errors.Is(err, ErrInvalidToken) {
				t.Errorf("bit %d of %x: %v, want ErrInvalidToken", i, raw, err)
			}
		}
		for n := range len(token) {
			if _, err := request(1, token[:n], ""); n > 0 && !errors.Is(err, ErrInvalidToken) {
				t.Errorf("%d characters of %s: %v, want ErrInvalidToken", n, token, err)
			}
		}
	}
}

func FuzzToken(f *testing.F) {
	for _, id := range []int64{1, 128, math.MaxInt64} {
		f.Add(encodeToken(secret, "+things", id))
		f.Add(encodeToken(secret, "-things", id))
		f.Add(encodeToken(secret, "+things", id) + "\n")
	}
	f.Add("")
	f.Add("AQ")
	f.Add(strings.Repeat("A", 100))
	f.Fuzz(func(t *testing.T, token string) {
		id, err := decodeToken(secret, "+things", token)
		switch {
		case err != nil && !errors.Is(err, ErrInvalidToken):
			t.Errorf("%q gives %v, want ErrInvalidToken", token, err)
		case err == nil && (id < 1 || encodeToken(secret, "+things", id) != token):
			t.Errorf("%q is taken for id %d, whose token is another", token, id)
		}
	})
}
