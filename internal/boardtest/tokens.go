package boardtest

import (
	"testing"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// runTokens offers page tokens that the listing did not give: other is another board.
func runTokens(t *testing.T, b, other *clients) {
	th := b.someThread(t)
	another := b.someThread(t)
	for range 3 {
		b.createPost(t, &postsv1.Post{Thread: th.GetId(), Text: "A", User: th.GetCreatedBy()})
		b.createPost(t, &postsv1.Post{Thread: another.GetId(), Text: "B", User: another.GetCreatedBy()})
	}
	listings := []listing{
		postsListing(b), inThreadListing(b, th.GetId()), inThreadListing(b, another.GetId()),
		byUserListing(b, th.GetCreatedBy()), byUserListing(b, another.GetCreatedBy()),
	}
	orders := []string{"id", "id desc"}
	give := func(l listing, order string) string {
		p, err := l.page(deadline(t), 1, order, "")
		if err != nil {
			t.Fatal(err)
		}
		if p.next == "" {
			t.Fatalf("%s, %s: the first page of 1 has no next one", l.name, order)
		}
		return p.next
	}

	t.Run("foreign", func(t *testing.T) {
		for i, from := range listings {
			for j, order := range orders {
				token := give(from, order)
				for k, to := range listings {
					for m, asked := range orders {
						_, err := to.page(deadline(t), 1, asked, token)
						if i == k && j == m {
							if err != nil {
								t.Errorf("%s, %s refused its own token: %v", to.name, asked, err)
							}
							continue
						}
						wantFailure(t, err, "INVALID_PAGE_TOKEN")
					}
				}
				_, err := b.users.ListUsers(deadline(t), &usersv1.ListUsersRequest{PageToken: token, OrderBy: order})
				wantFailure(t, err, "INVALID_PAGE_TOKEN")
			}
		}
	})
	t.Run("another board's", func(t *testing.T) {
		for _, order := range orders {
			_, err := postsListing(b).page(deadline(t), 1, order, give(postsListing(other), order))
			wantFailure(t, err, "INVALID_PAGE_TOKEN")
			_, err = postsListing(other).page(deadline(t), 1, order, give(postsListing(b), order))
			wantFailure(t, err, "INVALID_PAGE_TOKEN")
		}
	})
	t.Run("truncated", func(t *testing.T) {
		token := give(listings[0], "id")
		for n := 1; n < len(token); n++ {
			_, err := listings[0].page(deadline(t), 1, "id", token[:n])
			wantFailure(t, err, "INVALID_PAGE_TOKEN")
		}
	})
	t.Run("forged", func(t *testing.T) {
		token := give(listings[0], "id")
		for i := range len(token) {
			for _, letter := range []string{"A", "B", "_", "=", " "} {
				if forged := token[:i] + letter + token[i+1:]; forged != token {
					_, err := listings[0].page(deadline(t), 1, "id", forged)
					wantFailure(t, err, "INVALID_PAGE_TOKEN")
				}
			}
		}
		for _, forged := range []string{token + "A", token + "=", token + token, " " + token, token + "\n", "0", "🚀"} {
			_, err := listings[0].page(deadline(t), 1, "id", forged)
			wantFailure(t, err, "INVALID_PAGE_TOKEN")
		}
	})
}
