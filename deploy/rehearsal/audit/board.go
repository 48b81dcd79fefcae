package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/splitboard/splitboard/deploy/rehearsal/load"
)

// A Row is a user, a thread or a post.
type Row struct {
	Content string // a user's name, a thread's title or a post's text
	Etag    string
	Thread  int64 // of a post
	User    int64 // of a post, or who opened a thread
}

// A Board is all that is on a board: rows by id, by service.
type Board map[string]map[int64]Row

// Read reads a board over REST, page by page. at gives the address, HOST:PORT, that
// serves a service's paths.
func Read(ctx context.Context, at func(service string) string) (Board, error) {
	b := Board{}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for _, service := range []string{load.Users, load.Threads, load.Posts} {
		b[service] = map[int64]Row{}
		origin := "http://" + at(service)
		for next := "/api/" + service + "?pageSize=1000"; next != ""; {
			var err error
			if next, err = readPage(ctx, client, origin+next, b[service]); err != nil {
				return nil, fmt.Errorf("reading the %s: %w", service, err)
			}
		}
	}
	return b, nil
}

// readPage adds a page's rows, and gives the path of the next page, if there is one.
func readPage(ctx context.Context, client *http.Client, url string, rows map[int64]Row) (next string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", url, res.Status)
	}
	var page []struct {
		ID        int64  `json:"id"`
		Name      string `json:"name"`
		Title     string `json:"title"`
		Text      string `json:"text"`
		Etag      string `json:"etag"`
		Thread    int64  `json:"thread"`
		User      int64  `json:"user"`
		CreatedBy int64  `json:"createdBy"`
	}
	if err := json.NewDecoder(res.Body).Decode(&page); err != nil {
		return "", fmt.Errorf("%s: %w", url, err)
	}
	for _, r := range page {
		if _, twice := rows[r.ID]; twice {
			return "", fmt.Errorf("%s: id %d is there twice", url, r.ID)
		}
		// A resource has one of each.
		rows[r.ID] = Row{Content: r.Name + r.Title + r.Text, Etag: r.Etag, Thread: r.Thread, User: r.User + r.CreatedBy}
	}
	return nextPage(res.Header.Get("Link")), nil
}

// nextPage gives the path in a header Link: `</path>; rel="next"`.
func nextPage(link string) string {
	target, rest, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if !ok || !strings.Contains(rest, `rel="next"`) {
		return ""
	}
	return target
}
