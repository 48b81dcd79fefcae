package files

import (
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// A variant is the files with one mistake in them.
type variant struct {
	name     string
	file     string // below deploy/ecs, or from the root where it begins with ../
	old, new string // the first old becomes new
	check    string // that has to complain
	words    string // in its complaint
}

const (
	usersTask   = "task-definitions/users.json"
	threadsTask = "task-definitions/threads.json"
	apiTask     = "task-definitions/api.json"
	usersRun    = "services/users.json"
)

var variants = []variant{
	// What the SDK would not take, or not send.
	{"a field in another case", usersTask, `"stopTimeout"`, `"StopTimeout"`, "decoding", "called stopTimeout"},
	{"a field in another case, for the load balancer", "rules/users.json", `"Priority"`, `"priority"`, "decoding", "called Priority"},
	{"a field that there is not", usersTask, `"essential"`, `"necessary"`, "decoding", "no such field"},
	{"a field twice", usersTask, `"cpu": 256,`, `"cpu": 256, "cpu": 512,`, "decoding", "there twice"},
	{"a number as a text", usersTask, `"cpu": 256`, `"cpu": "256"`, "decoding", "should be a int32"},
	{"a text as a number", "target-group-attributes.json", `"10"`, `10`, "decoding", "should be a string"},
	{"a null", usersTask, `"essential": true`, `"essential": null`, "decoding", "is null"},
	{"no value of an enum", usersTask, `"bridge"`, `"Bridge"`, "decoding", "none of bridge"},
	{"no value of an enum, for the load balancer", "target-groups/users.json", `"HTTP"`, `"http"`, "decoding", "none of HTTP"},
	{"something after the value", usersRun, "]\n}\n", "]\n}\n}", "decoding", "after the JSON value"},
	{"no JSON", usersRun, `{`, `[`, "decoding", "invalid"},
	{"what the SDK leaves out", usersTask, `"cpu": 256`, `"cpu": 0`, "sent", "sends something else"},
	{"what the command needs is missing", usersTask, `"family": "users",`, ``, "sent", "does not send it"},
	{"what the command needs is missing, for the load balancer", "rules/users.json", `"Priority": 2,`, ``, "sent", "does not send it"},
	{"a file for nothing", "rules/more.json", ``, `{}`, "decoding", "no command"},

	// Placeholders.
	{"a placeholder of another file", usersTask, `{TAG}`, `{VERSION}`, "placeholders", "{VERSION} is not filled in"},
	{"a placeholder of another service", usersRun, `{TARGET_GROUP_ARN:users}`, `{TARGET_GROUP_ARN:posts}`, "placeholders", "{TARGET_GROUP_ARN:posts} is not filled in"},
	{"a region instead of its placeholder", usersTask, `"awslogs-region": "{REGION}"`, `"awslogs-region": "us-east-1"`, "logs", "in {REGION}"},
	{"an open brace", usersTask, `{TAG}`, `{TAG`, "placeholders", "belongs to no placeholder"},

	// Task definitions.
	{"another number than the tutorial's", usersTask, `"memory": 256`, `"memory": 512`, "tutorial", "not 256 and 256"},
	{"another family", usersTask, `"family": "users"`, `"family": "user"`, "tutorial", "family"},
	{"another network mode", usersTask, `"bridge"`, `"awsvpc"`, "tutorial", "not bridge"},
	{"a mount without a volume", usersTask, `"sourceVolume": "users"`, `"sourceVolume": "user"`, "volumes", "no such volume"},
	{"a volume without a mount", apiTask, `"sourceVolume": "posts"`, `"sourceVolume": "users"`, "volumes", `has the volume "posts" and does not mount it`},
	{"a store in the wrong place", usersTask, `"/data/users"`, `"/data"`, "volumes", "not at /data/users"},
	{"another service's folder", usersTask, `/var/lib/splitboard/users`, `/var/lib/splitboard/posts`, "volumes", "is not the folder"},
	{"another service's volume", usersTask, `"volumes": [`, `"volumes": [{"name": "posts", "host": {"sourcePath": "/var/lib/splitboard/posts"}},`, "volumes", "of another service"},
	{"a store that cannot be written", usersTask, `"readOnly": false`, `"readOnly": true`, "volumes", "never own"},
	{"placed without the stores", usersTask, `splitboard.stores == yes`, `splitboard.stores exists`, "volumes", "without the stores"},
	{"a fixed host port", usersTask, `"hostPort": 0`, `"hostPort": 3000`, "ports", "fixed host port"},
	{"another container port", usersTask, `"containerPort": 50051`, `"containerPort": 50061`, "ports", "listen on 3000 and 50051"},
	{"a shared role", threadsTask, `splitboard-{REGION}-threads-task`, `splitboard-{REGION}-users-task`, "roles", "shares the role"},
	{"a role that is not in the template", "ecs.yml", `splitboard-${AWS::Region}-users-task`, `splitboard-${AWS::Region}-user-task`, "roles", "no role"},
	{"a stop that is cut short", usersTask, `"stopTimeout": 40`, `"stopTimeout": 30`, "ending", "may take"},
	{"a stop above what ECS waits", usersTask, `"stopTimeout": 40`, `"stopTimeout": 130`, "ending", "above the 2m0s"},
	{"a drain that outlasts the stop", usersTask, `"5s"`, `"30s"`, "ending", "30s of draining"},
	{"a program that ends more slowly", "../../internal/serve/steps.go", `(*Process).closeStores, 5 * time.Second`, `(*Process).closeStores, 50 * time.Second`, "ending", "may take"},
	{"a container's health that overlaps", usersTask, `"timeout": 3`, `"timeout": 5`, "health", "not below its interval"},
	{"a container's health by a shell", usersTask, `"CMD"`, `"CMD-SHELL"`, "health", "there is no shell"},
	{"a sample board in production", usersTask, `"none"`, `"sample"`, "environment", `SPLITBOARD_SEED is "sample"`},
	{"a board that makes itself", usersTask, `"never"`, `"auto"`, "environment", `SPLITBOARD_CREATE is "auto"`},
	{"a flag that there is not", usersTask, `SPLITBOARD_DRAIN`, `SPLITBOARD_DRAINS`, "environment", "of no flag"},
	{"a flag of another program", usersTask, `"environment": [`, `"environment": [{"name": "SPLITBOARD_USERS_ADDR", "value": "srv:users.splitboard.internal"},`, "environment", "not for this program"},
	{"no second choice", threadsTask, `,srv:api.splitboard.internal`, ``, "environment", "SPLITBOARD_USERS_ADDR"},
	{"another repository", usersTask, `amazonaws.com/users:`, `amazonaws.com/posts:`, "images", "the image is"},
	{"a log group that is not in the template", "ecs.yml", `/splitboard/users`, `/splitboard/user`, "logs", `no log group "/splitboard/users"`},
	{"a log that blocks", usersTask, `"non-blocking"`, `"blocking"`, "logs", "hold up"},
	{"a writable root", usersTask, `"readonlyRootFilesystem": true`, `"readonlyRootFilesystem": false`, "hardening", "writable"},
	{"new privileges", usersTask, `"no-new-privileges"`, `"label:disable"`, "hardening", "no-new-privileges"},
	{"root", usersTask, `"65532:65532"`, `"0:0"`, "hardening", "not 65532"},
	{"capabilities", usersTask, `"ALL"`, `"NET_RAW"`, "hardening", "keeps capabilities"},
	{"too few open files", usersTask, `"hardLimit": 16384`, `"hardLimit": 1024`, "hardening", "open files"},

	// Services, target groups, rules, listener.
	{"another container's name", usersRun, `"containerName": "users"`, `"containerName": "user"`, "services", "knows the container as"},
	{"another port behind the load balancer", usersRun, `"containerPort": 3000`, `"containerPort": 3001`, "services", "not 3000"},
	{"another port of the target group", "target-groups/users.json", `"Port": 3000`, `"Port": 8080`, "services", "the port is 8080"},
	{"the wrong port in the registry", usersRun, `"containerPort": 50051`, `"containerPort": 3000`, "services", "not 50051"},
	{"a gap while it is deployed", usersRun, `"minimumHealthyPercent": 100`, `"minimumHealthyPercent": 50`, "services", "before the next one"},
	{"no way back from a bad deployment", usersRun, `"rollback": true`, `"rollback": false`, "services", "taken back"},
	{"a role for the service", usersRun, `"desiredCount": 1,`, `"desiredCount": 1, "role": "ecsServiceRole",`, "services", "names a role"},
	{"a check's timeout above its interval", "target-groups/users.json", `"HealthCheckTimeoutSeconds": 5`, `"HealthCheckTimeoutSeconds": 7`, "health", "not below its interval"},
	{"a priority twice", "rules/posts.json", `"Priority": 4`, `"Priority": 3`, "rules", "so has the rule of threads"},
	{"another order", "rules/api.json", `"Priority": 1`, `"Priority": 5`, "rules", "not 1"},
	{"another path", "rules/users.json", `/api/users*`, `/api/user*`, "rules", "/api/users*"},
	{"a rule that leads elsewhere", "rules/users.json", `"TargetGroupArn": "{TARGET_GROUP_ARN:users}"`, `"TargetGroupArn": "{TARGET_GROUP_ARN:api}"`, "rules", "does not forward"},
	{"a strangler that does not move", "listener/strangler-priorities.json", `10`, `3`, "rules", "not below posts"},
	{"a listener that does not drop", "ecs.yml", `MessageBody: drop traffic`, `MessageBody: nothing here`, "listener", "not that of listener/drop-traffic.json"},
	{"connections that are cut", "target-group-attributes.json", `"10"`, `"5"`, "balancer times", "deregistration delay"},
	{"an idle connection that the server closes first", "load-balancer-attributes.json", `"60"`, `"75"`, "balancer times", "idle timeout"},
	{"a server that is less patient", "../../internal/serve/http.go", `idleTimeout = 75`, `idleTimeout = 55`, "balancer times", "idle timeout"},

	// The template.
	{"a container that takes the instance's role", "ecs.yml", `HttpPutResponseHopLimit: 1`, `HttpPutResponseHopLimit: 2`, "instance", "hop limit"},
	{"the older metadata service", "ecs.yml", `HttpTokens: required`, `HttpTokens: optional`, "instance", "HttpTokens"},
	{"an SSH key", "ecs.yml", `InstanceType: !Ref InstanceType`, `KeyName: mine`, "instance", "SSH key"},
	{"an SSH port", "ecs.yml", `Description: REST from the load balancer`, "Description: REST\n        - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}", "network", "tcp 22-22 from 0.0.0.0/0"},
	{"a load balancer that reaches no task", "ecs.yml", `FromPort: 32768`, `FromPort: 49153`, "network", "does not reach"},
	{"tasks' ports open to the world", "ecs.yml", `SourceSecurityGroupId: !Ref LoadBalancerSecurityGroup`, `CidrIp: 0.0.0.0/0`, "network", "the instances let in"},
	{"tasks that do not reach each other", "ecs.yml", `SourceSecurityGroupId: !Ref InstanceSecurityGroup`, `SourceSecurityGroupId: !Ref LoadBalancerSecurityGroup`, "network", "from each other"},
	{"two subnets in one zone", "ecs.yml", `!Select [1, !GetAZs '']`, `!Select [0, !GetAZs '']`, "network", "the subnets are in"},
	{"a zone that only some accounts have", "ecs.yml", `- !Equals [!Ref DataVolumeZone, us-west-1b]`, `- Condition: FirstZone`, "network", "us-west-1b"},
	{"a volume that goes with the stack", "ecs.yml", `DeletionPolicy: Retain`, `DeletionPolicy: Delete`, "data volume", "DeletionPolicy is Delete"},
	{"a volume that is not encrypted", "ecs.yml", `Encrypted: true`, `Encrypted: false`, "data volume", "encrypted"},
	{"a volume that nobody finds again", "ecs.yml", `- {Key: 'splitboard:stack', Value: !Ref AWS::StackName}`, `- {Key: stack, Value: !Ref AWS::StackName}`, "data volume", "no tag"},
	{"an instance in another zone than its volume", "ecs.yml", `VPCZoneIdentifier: [!Ref PublicSubnetOne]`, `VPCZoneIdentifier: [!Ref PublicSubnetTwo]`, "data volume", "could not attach"},
	{"an instance in a second zone", "ecs.yml", `VPCZoneIdentifier: [!Ref PublicSubnetOne]`, `VPCZoneIdentifier: [!Ref PublicSubnetOne, !Ref PublicSubnetTwo]`, "data volume", "could not attach"},
	{"two instances for one volume", "ecs.yml", `MaxHealthyPercentage: 100`, `MaxHealthyPercentage: 200`, "data volume", "let the data volume go"},
	{"a volume that is there and is not used", "ecs.yml", `- Volume: !If [NewDataVolume, !Ref DataVolume, !Ref DataVolumeId]`, `- Volume: !Ref DataVolume`, "data volume", "the instance mounts"},
	{"an agent without the stores", "ecs.yml", `Requires=splitboard-stores.service`, `Wants=splitboard-stores.service`, "units", "Requires in [Unit]"},
	{"an agent without the stores after a reboot", "ecs.yml", `AssertPathIsMountPoint=/var/lib/splitboard`, `AssertPathExists=/var/lib/splitboard`, "units", "AssertPathIsMountPoint in [Unit]"},
	{"an agent that starts beside the stores", "ecs.yml", `After=splitboard-stores.service`, `Before=splitboard-stores.service`, "units", "After in [Unit]"},
	{"a unit that waits for who waits for it", "ecs.yml", `systemctl --no-block start`, `systemctl start`, "units", "ExecStartPost in [Service]"},
	{"an agent that is not started later", "ecs.yml", `ExecStartPost=`, `ExecStopPost=`, "units", "ExecStartPost in [Service]"},
	{"one attempt alone", "ecs.yml", `Restart=on-failure`, `Restart=no`, "units", "Restart in [Service]"},
	{"attempts without a pause", "ecs.yml", `RestartSec=15`, `RestartSec=0`, "units", "RestartSec in [Service]"},
	{"attempts that end", "ecs.yml", `StartLimitIntervalSec=0`, `StartLimitIntervalSec=1h`, "units", "StartLimitIntervalSec in [Unit]"},
	{"a setting in another section", "ecs.yml", `Restart=on-failure`, "[Install]\n                    Restart=on-failure", "units", "Restart in [Service]"},
	{"a setting twice", "ecs.yml", `Restart=on-failure`, "Restart=on-failure\n                    Restart=no", "units", "Restart in [Service]"},
	{"a unit that does not remain", "ecs.yml", `RemainAfterExit=yes`, `RemainAfterExit=no`, "units", "RemainAfterExit in [Service]"},
	{"an instance that says nothing", "ecs.yml", `StandardOutput=journal+console`, `StandardOutput=journal`, "units", "StandardOutput in [Service]"},
	{"an instance that does not say what failed", "ecs.yml", `StandardError=journal+console`, `StandardError=journal`, "units", "StandardError in [Service]"},
	{"stores that are not there after a reboot", "ecs.yml", `WantedBy=multi-user.target`, `WantedBy=rescue.target`, "units", "WantedBy in [Install]"},
	{"a line that is no setting", "ecs.yml", `Type=oneshot`, `Type oneshot`, "units", "is no setting"},
	{"a start that ends before its script", "ecs.yml", `TimeoutStartSec=20min`, `TimeoutStartSec=15min`, "units", "may take 18m5s"},
	{"a script that outlasts its start", "ecs.yml", `patience=900`, `patience=1200`, "units", "may take 23m5s"},
	{"a script without an end", "ecs.yml", `timeout 120 dnf`, `dnf`, "units", "may take 0s"},
	{"folders of another user", "ecs.yml", `-o 65532 -g 65532`, `-o 1000 -g 1000`, "instance", "install -d"},
	{"an attribute before the stores are mounted", "ecs.yml", `ECS_DISABLE_PRIVILEGED=true`, `ECS_INSTANCE_ATTRIBUTES={"splitboard.stores":"yes"}`, "agent", "ECS_INSTANCE_ATTRIBUTES"},
	{"logs with the instance's role", "ecs.yml", `ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true`, `ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=false`, "agent", "EXECUTIONROLE"},
	{"an agent that is less patient", "ecs.yml", `ECS_CONTAINER_STOP_TIMEOUT=60s`, `ECS_CONTAINER_STOP_TIMEOUT=20s`, "agent", "stops containers after"},
	{"an instance that carries too little", "ecs.yml", `AllowedValues: [t3.medium,`, `AllowedValues: [t3.small, t3.medium,`, "capacity", "t3.small"},
	{"an operator that does not fit", "lib/tasks.sh", `cpu: 64, memory: 64`, `cpu: 1024, memory: 64`, "capacity", "takes 2304 and"},
	{"an operator with too much memory", "lib/tasks.sh", `cpu: 64, memory: 64`, `cpu: 64, memory: 2048`, "capacity", "and 4096"},
	{"an operator of the service's size", "lib/tasks.sh", `, cpu: 64, memory: 64`, ``, "capacity", "run_once does not say"},
	{"a role that may do anything", "ecs.yml", `Action: ec2:AttachVolume`, `Action: 'ec2:*'`, "permissions", "may do ec2:*"},
	{"a role for everything", "ecs.yml", `Resource: !GetAtt ECSCluster.Arn`, `Resource: '*'`, "permissions", "to everything"},
	{"any volume", "ecs.yml", `:volume/${Volume}`, `:volume/*`, "permissions", "attach other volumes"},
	{"another cluster", "ecs.yml", `ArnEquals: {'ecs:cluster'`, `ArnLike: {'ecs:cluster'`, "permissions", "other clusters"},
	{"a task role of another account", "ecs.yml", `StringEquals: {'aws:SourceAccount': !Ref AWS::AccountId}`, `StringLike: {'aws:SourceAccount': '*'}`, "permissions", "another account"},
	{"another service's image", "ecs.yml", `:repository/users`, `:repository/posts`, "permissions", "pull its own image"},
	{"another service's log", "ecs.yml", `Resource: !GetAtt UsersLogGroup.Arn`, `Resource: !GetAtt PostsLogGroup.Arn`, "permissions", "write its own log"},
	{"an address without a port", "ecs.yml", `{Type: SRV, TTL: 5}`, `{Type: A, TTL: 5}`, "discovery", "SRV"},
	{"an address that is remembered", "ecs.yml", `{Type: SRV, TTL: 5}`, `{Type: SRV, TTL: 300}`, "discovery", "Registry is remembered"},
	{"a gap that is remembered", "ecs.yml", `SOA: {TTL: 5}`, `SOA: {TTL: 300}`, "discovery", "not there is remembered for 300 s"},
	{"a gap that is remembered by default", "ecs.yml", `Properties: {DnsProperties: {SOA: {TTL: 5}}}`, `Description: Tasks`, "discovery", "not there is remembered for <nil> s"},
	{"names that are not resolved", "ecs.yml", `EnableDnsHostnames: true`, `EnableDnsHostnames: false`, "discovery", "not resolved"},
	{"an alarm that tells nobody", "ecs.yml", `AlarmActions: [!Ref AlarmTopic]`, `AlarmActions: []`, "alarms", "tells nobody"},
	{"an alarm for a line that is not written", "../../internal/lease/find.go", `finds nobody who owns the store`, `finds nobody`, "alarms", "no program writes"},
	{"an alarm for a field that is not written", "../../internal/lease/handoff.go", `"hold_ms"`, `"hold"`, "alarms", "no program writes"},
	{"a log that nobody watches", "ecs.yml", `LogGroupName: !Ref UsersLogGroup`, `LogGroupName: !Ref PostsLogGroup`, "alarms", "of /splitboard/users"},
	{"an output less", "ecs.yml", `  ECSRole:`, `  Role:`, "outputs", "the outputs are"},
	{"no template", "ecs.yml", `Resources:`, `Resource:`, "decoding", "has no Resources"},
}

// Each mistake is found, by the check that is for it, and with words that say it.
func TestVariants(t *testing.T) {
	t.Parallel()
	original := copied(t)
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			problems := Check(v.in(t, original))
			if !slices.ContainsFunc(problems, func(p Problem) bool { return p.Check == v.check && strings.Contains(p.Text, v.words) }) {
				t.Errorf("no complaint of the check %q with %q; all of them:\n%v", v.check, v.words, problems)
			}
		})
	}
}

// Each check has a variant that it alone was written for.
func TestEveryCheckHasAVariant(t *testing.T) {
	t.Parallel()
	for _, c := range checks {
		if !slices.ContainsFunc(variants, func(v variant) bool { return v.check == c.name }) {
			t.Errorf("no variant shows that the check %q can fail", c.name)
		}
	}
}

// in gives the files with the mistake.
func (v variant) in(t *testing.T, original fstest.MapFS) fs.FS {
	t.Helper()
	file := home + "/" + v.file
	if outside, ok := strings.CutPrefix(v.file, "../../"); ok {
		file = outside
	}
	var data string
	if f, ok := original[file]; ok {
		data = string(f.Data)
	}
	if !strings.Contains(data, v.old) {
		t.Fatalf("%s has no %q any more", file, v.old)
	}
	edited := maps.Clone(original)
	edited[file] = &fstest.MapFile{Data: []byte(strings.Replace(data, v.old, v.new, 1))}
	return edited
}

// copied gives the files that the checks read.
func copied(t *testing.T) fstest.MapFS {
	t.Helper()
	files := make(fstest.MapFS)
	repository := os.DirFS(root)
	for _, folder := range []string{home, "internal/serve", "internal/lease"} {
		err := fs.WalkDir(repository, folder, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(repository, file)
			files[file] = &fstest.MapFile{Data: data}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	readme, err := fs.ReadFile(repository, "README.md")
	if err != nil {
		t.Fatal(err)
	}
	files["README.md"] = &fstest.MapFile{Data: readme}
	return files
}
