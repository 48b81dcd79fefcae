package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/result"
)

var update = flag.Bool("update", false, "write the golden files anew")

// render gives the page and the picture.
func render(t *testing.T, r result.Result) (page, picture string) {
	t.Helper()
	var html, svg bytes.Buffer
	if err := HTML(&html, r); err != nil {
		t.Fatal(err)
	}
	if err := Plot(&svg, r); err != nil {
		t.Fatal(err)
	}
	return html.String(), svg.String()
}

func TestGolden(t *testing.T) {
	page, picture := render(t, sample(6*time.Second))
	for name, got := range map[string]string{"page.html": page, "plot.svg": picture} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is not what it was; if it is right, run go test with -update, and look at it", file)
		}
	}
}

// What could make a document load something: code, elements, attributes.
var (
	loadingCode     = regexp.MustCompile(`(?i)url\(|@import|fetch|https?:`)
	loadingElements = []string{"link", "iframe", "object", "embed", "base", "img", "image", "use", "audio", "video", "form"}
	loadingNames    = []string{"src", "href", "action", "srcset", "data", "style"}
)

// codeBlocks are scripts and styles, which are no XML.
var codeBlocks = regexp.MustCompile(`(?s)<(script|style)>.*?</(script|style)>`)

// wellFormed parses a page or a picture, checks that every reference has its target, and gives its text.
func wellFormed(t *testing.T, document string) string {
	t.Helper()
	if n := strings.Count(document, "<script"); n > 1 {
		t.Errorf("%d scripts; want ours only", n)
	}
	for _, code := range codeBlocks.FindAllString(document, -1) {
		if found := loadingCode.FindString(code); found != "" {
			t.Errorf("%q is in a script or style", found)
		}
	}
	if strings.Contains(document, "ZgotmplZ") {
		t.Error("a template puts a value where it cannot be")
	}
	ids := map[string]int{}
	var refs []string
	var text strings.Builder
	for d := xml.NewDecoder(strings.NewReader(codeBlocks.ReplaceAllString(document, ""))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if slices.Contains(loadingElements, token.Name.Local) {
				t.Errorf("there is a <%s>: the document must stand alone", token.Name.Local)
			}
			for _, a := range token.Attr {
				if slices.Contains(loadingNames, a.Name.Local) {
					t.Errorf("<%s> has %s=%q: the document must stand alone", token.Name.Local, a.Name.Local, a.Value)
				}
				switch a.Name.Local {
				case "id":
					ids[a.Value]++
				case "aria-labelledby":
					refs = append(refs, strings.Fields(a.Value)...)
				}
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Errorf("%s of <%s> is %q", a.Name.Local, token.Name.Local, a.Value)
				}
			}
		case xml.CharData:
			text.Write(token)
		}
	}
	for _, ref := range refs {
		if ids[ref] != 1 {
			t.Errorf("%d elements have the id %q", ids[ref], ref)
		}
	}
	return text.String()
}

func TestDocumentsStandAlone(t *testing.T) {
	for name, r := range shapesOfResults() {
		t.Run(name, func(t *testing.T) {
			page, picture := render(t, r)
			wellFormed(t, page)
			wellFormed(t, picture)
		})
	}
}

// shapesOfResults has runs that differ from what one expects.
func shapesOfResults() map[string]result.Result {
	failed := sample(5 * time.Second)
	failed.Gap, failed.Verdict.NoTarget, failed.Verdict.Failed, failed.Verdict.Lost = true, 12, 7, 1
	failed.Buckets[20].Failed, failed.Buckets[30].NoTarget = 7, 12
	failed.Steps[4].Failed = "exit status 4"
	result.Judge(&failed)

	holes := sample(5 * time.Second)
	holes.Buckets = append(holes.Buckets[:10:10], holes.Buckets[30], holes.Buckets[49])

	one := sample(100 * ms)
	one.Owners = nil

	odd := sample(5 * time.Second)
	odd.Buckets = append(odd.Buckets,
		result.Bucket{At: -time.Hour, Requests: 1, P50: 1, P99: 1, Max: 1},
		result.Bucket{At: 6 * time.Second, Requests: 1, P50: -1, P99: 1, Max: 3 * time.Hour})
	odd.Steps[0].At, odd.Steps[9].Took = -time.Second, -time.Second
	odd.Owners = append(odd.Owners, result.Ownership{Store: "a store with a name that is much too long", Binary: "?", From: time.Hour, To: time.Second})

	many := sample(5 * time.Second)
	for range 100 {
		many.Steps = append(many.Steps, result.Step{Name: "again", At: 4900 * ms})
	}
	return map[string]result.Result{
		"empty": {}, "failed": failed, "holes": holes, "one bucket": one, "odd": odd, "many steps": many,
		"3,000 buckets": sample(300 * time.Second), "an hour": sample(time.Hour),
	}
}

// TestHostileStrings puts the worst of text everywhere that a result has text.
func TestHostileStrings(t *testing.T) {
	const hostile = `</title></style></script><script>alert(1)</script><img src=x onerror=alert(1)>"'&<![CDATA[]]>--` +
		"\x00\x1b[31m\u202e\ufffe\xff"
	r := sample(5 * time.Second)
	r.Title, r.Version, r.Order = hostile, hostile, hostile
	for i := range r.Steps {
		r.Steps[i].Name, r.Steps[i].Detail, r.Steps[i].Failed = hostile, hostile, hostile
	}
	for i := range r.Owners {
		r.Owners[i].Store, r.Owners[i].Binary, r.Owners[i].Instance = hostile, hostile, hostile
	}
	result.Judge(&r)
	page, picture := render(t, r)
	for name, document := range map[string]string{"page": page, "picture": picture} {
		text := wellFormed(t, document)
		if !strings.Contains(text, `</script><script>alert(1)</script>`) {
			t.Errorf("%s: the text is not shown as it is", name)
		}
		for _, bad := range []string{"<img", "<script>alert", "\x00", "\x1b", "\u202e", "\ufffe", "\xff"} {
			if strings.Contains(document, bad) {
				t.Errorf("%s: has %q", name, bad)
			}
		}
	}
	if r.Steps[0].Name != hostile {
		t.Error("the caller's result has changed")
	}
}

func TestPageSaysTheVerdict(t *testing.T) {
	results := shapesOfResults()
	good, _ := render(t, sample(5*time.Second))
	bad, picture := render(t, results["failed"])
	for _, c := range []struct{ name, document, want string }{
		{"good", good, "PASS: The tutorial’s cutover"},
		{"good", good, "No request failed, and no write was lost or doubled."},
		{"bad", bad, "FAIL: The tutorial’s cutover"},
		{"bad", bad, "<li>7 requests failed</li>"},
		{"bad", bad, "<li>1 acknowledged write is lost</li>"},
		{"bad", bad, "12 more found no target"},
		{"bad", bad, `<p class="error">exit status 4</p>`},
		{"picture", picture, ">FAIL</text>"},
	} {
		if !strings.Contains(c.document, c.want) {
			t.Errorf("%s: no %q", c.name, c.want)
		}
	}
	if strings.Contains(good, "no target") {
		t.Error("good: speaks of targets, though the order always has one")
	}
}

func TestSummary(t *testing.T) {
	r := shapesOfResults()["failed"]
	r.Steps[4].Name = "\x1b[2J"
	result.Judge(&r)
	var b bytes.Buffer
	if err := Summary(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"FAIL  7 requests failed; 1 acknowledged write is lost; ", " 7 failed, 12 without a target; ", "longest hold 26.4 ms\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("a step's name moves the cursor")
	}
}
