package account

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/servicediscovery"

	"github.com/splitboard/splitboard/deploy/verify/account/alb"
	"github.com/splitboard/splitboard/deploy/verify/account/cloudmap"
	"github.com/splitboard/splitboard/deploy/verify/account/ecr"
	"github.com/splitboard/splitboard/deploy/verify/account/emulator"
	"github.com/splitboard/splitboard/deploy/verify/account/front"
	"github.com/splitboard/splitboard/deploy/verify/account/host"
	"github.com/splitboard/splitboard/deploy/verify/account/scheduler"
	"github.com/splitboard/splitboard/deploy/verify/podman"
)

// Region is where all of it is.
const Region = "eu-central-1"

// scale divides the times of health checks and grace periods.
const scale = 10

// bootDelay is how long an instance takes to come up, so that the scripts have to wait.
const bootDelay = 2 * time.Second

// An Account is one that is played on this machine: what AWS does, and what runs there.
type Account struct {
	Front     *front.Front
	Emulator  *emulator.Emulator
	Balancer  *alb.Balancer
	Scheduler *scheduler.Scheduler
	// Engine is the podman of who runs the scripts.
	Engine *podman.Engine

	host  *host.Host
	names *cloudmap.Names

	ctx     context.Context // ends with Close
	end     context.CancelFunc
	close   []func() error // in the order of starting
	running sync.WaitGroup

	mu   sync.Mutex
	said []string // what went wrong while nobody was asking
}

// Start starts an account in which there is nothing. folder is deploy/ecs.
func Start(ctx context.Context, folder string) (a *Account, err error) {
	a = &Account{}
	a.ctx, a.end = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	images, err := ecr.Start(ctx)
	if err != nil {
		return nil, err
	}
	a.close = append(a.close, images.Close)
	if a.Engine, err = podman.New(ctx); err != nil {
		return nil, err
	}
	a.close = append(a.close, a.Engine.Close)
	if a.host, err = host.New(ctx, images.Addr); err != nil {
		return nil, err
	}
	a.close = append(a.close, a.host.Close)
	if a.Emulator, err = emulator.Start(ctx, filepath.Join(folder, "../verify/account/emulator"), images.Addr); err != nil {
		return nil, err
	}
	a.close = append(a.close, a.Emulator.Close)
	if err := a.Engine.Insecure(images.Addr); err != nil {
		return nil, err
	}
	images.Ask(func(ctx context.Context, pushed ecr.Pushed) error { return a.Emulator.Push(ctx, pushed) })

	config := aws.Config{
		Region: Region, BaseEndpoint: aws.String("http://" + a.Emulator.Addr),
		Credentials: credentials.NewStaticCredentialsProvider("account", "account", ""),
	}
	if a.Balancer, err = alb.Start(ctx, folder, elb.NewFromConfig(config), scale); err != nil {
		return nil, err
	}
	a.close = append(a.close, a.Balancer.Close)
	a.names = cloudmap.New(servicediscovery.NewFromConfig(config))
	if err := a.names.Serve(a.ctx, a.host.Gateway.String()+":53"); err != nil { //nolint:contextcheck // it serves until Close
		return nil, err
	}
	a.Scheduler = scheduler.Start(ctx, scheduler.Around{
		ECS: ecs.NewFromConfig(config), Logs: cloudwatchlogs.NewFromConfig(config),
		Balancer: a.Balancer, Names: a.names, Host: a.host, Scale: scale,
	})
	a.close = append(a.close, func() error { a.Scheduler.Close(); return nil })
	played := a.Scheduler.Played()
	maps.Copy(played, a.Balancer.Played())
	if a.Front, err = front.Start(ctx, a.Emulator.Addr, played, a.after); err != nil {
		return nil, err
	}
	a.close = append(a.close, a.Front.Close)
	return a, nil
}

// after does what AWS does by itself after a call.
func (a *Account) after(ctx context.Context, call front.Call) error {
	switch call.Service {
	case "elasticloadbalancing":
		return a.Balancer.Follow(ctx)
	case "cloudformation":
		a.running.Go(a.boot)
		return a.Balancer.Follow(ctx)
	}
	return nil
}

// boot boots the instances that the stack has begun.
func (a *Account) boot() {
	timer := time.NewTimer(bootDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.ctx.Done():
		return
	}
	// The folders first: as soon as ECS knows the instance, tasks are placed there.
	err := a.host.Boot()
	if err == nil {
		err = a.Emulator.Boot(a.ctx)
	}
	if err != nil && a.ctx.Err() == nil {
		a.mu.Lock()
		a.said = append(a.said, fmt.Sprintf("an instance did not boot: %v", err))
		a.mu.Unlock()
	}
}

// Said tells what went wrong while nobody was asking.
func (a *Account) Said() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.said...)
}

// Close ends all of it, the last that was started first, and leaves nothing behind.
func (a *Account) Close() error {
	a.end()
	a.running.Wait()
	var errs []error
	for _, end := range slices.Backward(a.close) {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}
