package rolling

import (
	"os"
	"strconv"
	"testing"

	"github.com/splitboard/splitboard/edge"
	"github.com/splitboard/splitboard/internal/serve"
	"github.com/splitboard/splitboard/services/users"
)

// In the environment these make the test binary one of the versions of the users service's
// program.
const (
	versionVariable = "SPLITBOARD_ROLLING_VERSION"
	// diesInStep is the step of the migration in which the second version kills itself.
	diesInStep = "SPLITBOARD_ROLLING_DIES_IN_STEP"
)

// A version is one of the program's.
type version string

const (
	first  version = "first"
	second version = "second"
)

func TestMain(m *testing.M) {
	service := users.Service()
	switch version(os.Getenv(versionVariable)) {
	case first:
	case second:
		step, _ := strconv.Atoi(os.Getenv(diesInStep)) // 0: never
		service = secondVersion(service, step)
	default:
		os.Exit(m.Run())
	}
	serve.Main(serve.Binary{Name: "users", Services: []serve.Service{service}, REST: edge.New})
}
