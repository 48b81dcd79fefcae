package files

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// A start is one run of the instance's script that mounts the stores, on a machine of
// stand-ins.
type start struct {
	name     string
	device   []byte // what is on the volume; nil is zeros
	attached int    // the device is there after so many calls of the CLI; -1 is never
	blkid    int    // its status: 0 for a file system, 2 for nothing, 8 for several
	mounted  bool   // already
	noMount  bool   // mount fails
	noCLI    bool   // the CLI has to be installed
	again    bool   // it has run before

	fails bool
	calls string // of the commands that change something, in order
	says  string
}

var ready = "install users\ninstall threads\ninstall posts\n"

var starts = []start{
	{name: "a blank volume", attached: 3, blkid: 2, calls: strings.Repeat("attach\n", 3) + "format\nmount\ngrow\n" + ready, says: "is blank, making a file system"},
	{name: "a volume with stores", attached: 1, blkid: 0, device: []byte("XFSB"), calls: "attach\nmount\ngrow\n" + ready},
	{name: "a volume that is attached", attached: 0, blkid: 0, device: []byte("XFSB"), calls: "mount\ngrow\n" + ready},
	{name: "a volume with something unknown", attached: 1, blkid: 2, device: append(make([]byte, 5<<20), 1), fails: true, calls: "attach\n", says: "nothing was changed"},
	{name: "a volume with several things", attached: 1, blkid: 8, fails: true, calls: "attach\n", says: "nothing was changed"},
	// 14 tries of 65 s are the first that take 900 s.
	{name: "a volume that never arrives", attached: -1, fails: true, calls: strings.Repeat("attach\n", 14), says: "was not attached to i-0123456789abcdef0 in 900 s"},
	{name: "mounted already", mounted: true, calls: "grow\n" + ready, says: "mounted already"},
	{name: "run again", mounted: true, again: true, calls: "grow\n" + ready},
	{name: "a volume that cannot be mounted", attached: 1, blkid: 0, device: []byte("XFSB"), noMount: true, fails: true, calls: "attach\nmount\n"},
	{name: "no CLI", attached: 1, blkid: 0, device: []byte("XFSB"), noCLI: true, calls: "install the CLI\nattach\nmount\ngrow\n" + ready},
}

// The stores are mounted, never formatted if there is anything on the volume, and ECS hears
// of them only then.
func TestStores(t *testing.T) {
	t.Parallel()
	script := storesScript(t)
	for _, s := range starts {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, problem := range s.run(t, script) {
				t.Error(problem)
			}
		})
	}
}

// Scripts with a mistake do not pass.
func TestStoresFindsMistakes(t *testing.T) {
	t.Parallel()
	script := storesScript(t)
	for _, v := range []struct{ name, old, new, start string }{
		{"formats what it does not know", `(($(head`, `true || (($(head`, "a volume with something unknown"},
		{"formats when blkid is unsure", `*) fail`, `*) true`, "a volume with several things"},
		{"formats always", `0) return ;;`, `0) ;;`, "a volume with stores"},
		{"waits for less", `patience=900`, `patience=100`, "a blank volume"},
		{"waits for longer", `patience=900`, `patience=1200`, "a volume that never arrives"},
		{"counts tries, not time", `((SECONDS < patience))`, `(($(grep -c attach calls) < 120))`, "a volume that never arrives"},
		{"goes on without the volume", `fail "$VOLUME was not attached`, `return 0; : "$VOLUME was not attached`, "a volume that never arrives"},
		{"goes on without the mount", `mount -o nodev`, `true || mount -o nodev`, "a volume that cannot be mounted"},
		{"says so twice", `grep -qxF "$attributes" "$config" || `, ``, "run again"},
		{"forgets a store", `users threads posts`, `users threads`, "a blank volume"},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(script, v.old) {
				t.Fatalf("the script has no %q any more", v.old)
			}
			i := slices.IndexFunc(starts, func(s start) bool { return s.name == v.start })
			if problems := starts[i].run(t, strings.Replace(script, v.old, v.new, 1)); len(problems) == 0 {
				t.Error("passes")
			}
		})
	}
}

// storesScript takes the script out of the template.
func storesScript(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: the script of the instance needs GNU tools, as on Linux")
	}
	say := func(file, format string, args ...any) { t.Errorf(file+": "+format, args...) }
	script := parseTemplate(os.DirFS(root), say).stores(anyWorld(), say).files[storesFile]
	if script == "" {
		t.Fatal("the template has no script for the stores")
	}
	return script
}

// stubs stand in for what changes the machine. They write down that they were called.
var stubs = map[string]string{
	"aws": `echo attach >>calls
		[ "$*" = "ec2 attach-volume --region us-east-1 --volume-id vol-0123456789abcdef0 --instance-id i-0123456789abcdef0 --device /dev/sdf" ] || exit 64
		if [ "$(grep -c attach calls)" = "$ATTACHED" ]; then mv volume "$DEVICE"; else echo "VolumeInUse" >&2; exit 254; fi`,
	"blkid":      `[ "$*" = "--probe $DEVICE" ] || exit 4; exit "$BLKID"`,
	"mkfs.xfs":   `[ "$*" = "-L splitboard $DEVICE" ] || exit 1; echo format >>calls`,
	"mount":      `[ "$*" = "-o nodev,nosuid,noexec $DEVICE $PWD/stores" ] || exit 1; echo mount >>calls; exit "$MOUNT"`,
	"mountpoint": `[ "$*" = "--quiet $PWD/stores" ] || exit 1; exit "$MOUNTED"`,
	"xfs_growfs": `[ "$*" = "$PWD/stores" ] || exit 1; echo grow >>calls`,
	"install":    `[ "$1 $2 $3 $4 $5 $6 $7 ${8%/*}" = "-d -o 65532 -g 65532 -m 0700 $PWD/stores" ] || exit 1; echo "install ${8##*/}" >>calls`,
	"dnf":        `[ "$*" = "--quiet --assumeyes install awscli-2" ] || exit 1; echo "install the CLI" >>calls; mv later bin/aws`,
}

// sleep stands in for time: a try of AWS has taken its whole minute.
const sleep = `sleep() { [ "$*" = 5 ] || exit 1; SECONDS=$((SECONDS + 65)); }
`

// Other commands are the machine's own; nothing else is found.
var own = []string{"bash", "grep", "head", "mkdir", "mv", "readlink", "timeout", "tr", "wc"}

// run plays the script and gives what is not as it should be.
func (s start) run(t *testing.T, script string) []string {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(filepath.Join(dir, "dev"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range own {
		file, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(file, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(stubs)) {
		file := filepath.Join(bin, name)
		if name == "aws" && s.noCLI {
			file = filepath.Join(dir, "later")
		}
		if err := os.WriteFile(file, []byte("#!"+filepath.Join(bin, "bash")+"\n"+stubs[name]+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	device := filepath.Join(dir, "dev", "nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0")
	volume := device
	if s.attached != 0 {
		volume = filepath.Join(dir, "volume")
	}
	write(t, volume, s.device)
	if err := os.Truncate(volume, 32<<20); err != nil {
		t.Fatal(err)
	}
	const attribute = `ECS_INSTANCE_ATTRIBUTES={"splitboard.stores":"yes"}` + "\n"
	config, before := filepath.Join(dir, "ecs.config"), "ECS_CLUSTER=board\n"
	if s.again {
		before += attribute
	}
	write(t, config, []byte(before))
	write(t, filepath.Join(dir, "instance-id"), []byte("i-0123456789abcdef0\n"))
	write(t, filepath.Join(dir, "calls"), nil)

	elsewhere := strings.NewReplacer(
		"/dev/disk/by-id", filepath.Dir(device), mountPoint, filepath.Join(dir, "stores"), agentConfig, config,
		"/var/lib/cloud/data/instance-id", filepath.Join(dir, "instance-id"), "-b $device", "-e $device")
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "bash"), "-c", sleep+elsewhere.Replace(script))
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + bin, "PWD=" + dir, "VOLUME=vol-0123456789abcdef0", "REGION=us-east-1", "DEVICE=" + device,
		fmt.Sprint("ATTACHED=", s.attached), fmt.Sprint("BLKID=", s.blkid), "MOUNT=" + status(!s.noMount), "MOUNTED=" + status(s.mounted),
	}
	said, err := cmd.CombinedOutput()

	var problems []string
	if (err != nil) != s.fails {
		problems = append(problems, fmt.Sprintf("ends with %v", err))
	}
	if calls := string(read(t, filepath.Join(dir, "calls"))); calls != s.calls {
		problems = append(problems, fmt.Sprintf("did %q, not %q", calls, s.calls))
	}
	if !strings.Contains(string(said), s.says) {
		problems = append(problems, fmt.Sprintf("does not say %q", s.says))
	}
	want := before
	if !s.fails && !s.again {
		want += attribute
	}
	if got := string(read(t, config)); got != want {
		problems = append(problems, fmt.Sprintf("the agent's config is %q, not %q", got, want))
	}
	if len(problems) > 0 {
		problems = append(problems, "it said:\n"+string(said))
	}
	return problems
}

func status(success bool) string {
	if success {
		return "0"
	}
	return "1"
}
