package files

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A boot is what the instance's user data makes of it.
type boot struct {
	files    map[string]string // that cloud-init writes
	commands []string
	volume   string // that is attached
}

var volumeSetting = regexp.MustCompile(`^VOLUME=(\S+) REGION=\S+$`)

const (
	agentConfig = "/etc/ecs/ecs.config"
	agentDropIn = "/etc/systemd/system/ecs.service.d/stores.conf"
	storesUnit  = "/etc/systemd/system/splitboard-stores.service"
	storesFile  = "/usr/local/sbin/splitboard-stores"
)

// stores reads the instance's user data.
func (t *template) stores(w world, say report) boot {
	b := boot{files: make(map[string]string)}
	templates := t.ofType("AWS::EC2::LaunchTemplate")
	if len(templates) != 1 {
		say(templateFile, "has %d launch templates, not one", len(templates))
		return b
	}
	data := t.resource(templates[0].name, w).text("LaunchTemplateData", "UserData")
	var config struct {
		WriteFiles []struct {
			Path        string `yaml:"path"`
			Content     string `yaml:"content"`
			Permissions string `yaml:"permissions"`
		} `yaml:"write_files"`
		Run []string `yaml:"runcmd"`
	}
	d := yaml.NewDecoder(strings.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&config); err != nil || !strings.HasPrefix(data, "#cloud-config\n") {
		say(templateFile, "the user data is no cloud-config: %v", err)
	}
	// EC2 takes 16 KiB.
	if len(data) > 16<<10 {
		say(templateFile, "the user data has %d bytes, above 16 KiB", len(data))
	}
	for _, f := range config.WriteFiles {
		b.files[f.Path] = f.Content
		if f.Path == storesFile && f.Permissions != "0755" {
			say(templateFile, "%s cannot be run", f.Path)
		}
	}
	b.commands = config.Run
	u, _ := parseUnit(b.files[storesUnit])
	if setting := volumeSetting.FindStringSubmatch(strings.Join(u["Service"]["Environment"], "\n")); setting != nil {
		b.volume = setting[1]
	}
	return b
}

// checkInstance wants an instance whose containers cannot take its role, that is reached by
// no key, and that runs what mounts the stores.
func checkInstance(s *set, say report) {
	data := s.template.the("AWS::EC2::LaunchTemplate", say)
	of := func(path ...any) any { return data.property(append([]any{"LaunchTemplateData"}, path...)...) }
	if of("MetadataOptions", "HttpTokens") != "required" || of("MetadataOptions", "HttpPutResponseHopLimit") != 1 {
		say(templateFile, "a container can ask for the instance's credentials: not HttpTokens required and a hop limit of 1")
	}
	if of("KeyName") != nil {
		say(templateFile, "the instance has an SSH key")
	}
	if ebs := of("BlockDeviceMappings", 0, "Ebs"); dig(ebs, "Encrypted") != true || dig(ebs, "DeleteOnTermination") != true {
		say(templateFile, "the root volume is not encrypted, or stays when the instance goes")
	}
	image := fmt.Sprint(of("ImageId"))
	if image != "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id" ||
		dig(s.template.parameters["ECSAMI"], "Type") != "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>" {
		say(templateFile, "the image is %s, not the SSM parameter of ECS's Amazon Linux 2023", image)
	}
	for _, tags := range list(of("TagSpecifications")) {
		// The scripts find the data volume by this tag among all volumes.
		if dig(tags, "ResourceType") == "volume" {
			say(templateFile, "the root volume would be taken for a data volume by its tags")
		}
	}
	b := s.template.stores(anyWorld(), say)
	// What these do is seen where the script is run.
	lines := strings.Split(b.files[storesFile], "\n")
	for _, want := range []string{
		"mount_point=" + mountPoint, "for store in " + strings.Join(stores, " ") + "; do",
		"\tinstall -d -o 65532 -g 65532 -m 0700 \"$mount_point/$store\"",
		"attributes='ECS_INSTANCE_ATTRIBUTES={\"" + storesAttribute + "\":\"yes\"}'",
	} {
		if !slices.Contains(lines, want) {
			say(templateFile, "%s lacks the line %q", storesFile, want)
		}
	}
	if want := []string{"systemctl daemon-reload", "systemctl enable --now splitboard-stores.service"}; !slices.Equal(b.commands, want) {
		say(templateFile, "cloud-init runs %q, not %q", b.commands, want)
	}
}

// checkAgent wants the ECS agent to be what the task definitions count on.
func checkAgent(s *set, say report) {
	config := make(map[string]string)
	for line := range strings.Lines(s.template.stores(anyWorld(), say).files[agentConfig]) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		// The agent's start takes every line with an = for a setting, also a comment.
		if comment := strings.HasPrefix(line, "#"); comment == ok {
			say(templateFile, "%s: the line %q is no setting", agentConfig, line)
		}
		config[name] = value
	}
	for name, want := range map[string]string{
		"ECS_CLUSTER":                               "<ECSCluster>",
		"ECS_ENABLE_TASK_IAM_ROLE":                  "true",
		"ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE": "true",
		"ECS_SELINUX_CAPABLE":                       "true", // the documentation of dockerSecurityOptions wants it
		"ECS_DISABLE_PRIVILEGED":                    "true",
		"ECS_INSTANCE_ATTRIBUTES":                   "", // only once the stores are mounted
	} {
		if config[name] != want {
			say(templateFile, "%s has %s=%q, not %q", agentConfig, name, config[name], want)
		}
	}
	if !strings.Contains(config["ECS_AVAILABLE_LOGGING_DRIVERS"], `"awslogs"`) {
		say(templateFile, "%s has not the log driver of the task definitions", agentConfig)
	}
	for _, name := range names {
		for _, c := range s.tasks[name].ContainerDefinitions {
			if stop := number(config["ECS_CONTAINER_STOP_TIMEOUT"]); c.StopTimeout != nil && stop < int(*c.StopTimeout) {
				say(templateFile, "%s stops containers after %d s, %s may take %d s", agentConfig, stop, name, *c.StopTimeout)
			}
		}
	}
}
