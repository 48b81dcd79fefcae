package files

import (
	"os"
	"testing"
)

// What is sent is compared with the file: another file's content does not pass for it.
func TestSentIsCompared(t *testing.T) {
	t.Parallel()
	ignore := func(string, string, ...any) {}
	s := load(os.DirFS(root), ignore)
	for i, in := range s.inputs {
		for _, other := range s.inputs {
			if other.file == in.file || other.kind.operation != in.kind.operation {
				continue
			}
			mixed, problems := *s, 0
			mixed.inputs = []input{s.inputs[i]}
			mixed.inputs[0].value = other.value
			checkSent(&mixed, func(string, string, ...any) { problems++ })
			if problems == 0 {
				t.Errorf("the content of %s passes for that of %s", other.file, in.file)
			}
		}
	}
}
