package files

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// checkAlarms wants an alarm for each thing that a person has to look at, with somewhere to
// go, and those made of log lines to wait for lines that the programs write.
func checkAlarms(s *set, say report) {
	t := s.template
	topic := t.the("AWS::SNS::Topic", say)
	var watched []string
	for _, alarm := range t.ofType("AWS::CloudWatch::Alarm") {
		if !slices.Equal(texts(alarm.property("AlarmActions")), []string{"<" + topic.name + ">"}) {
			say(templateFile, "%s tells nobody", alarm.name)
		}
		watched = append(watched, metric(alarm.body))
		for _, m := range list(alarm.property("Metrics")) {
			watched = append(watched, metric(dig(m, "MetricStat", "Metric")), fmt.Sprint(dig(m, "Expression")))
		}
	}
	all := strings.Join(watched, "\n")
	for _, want := range []string{
		"AWS/ApplicationELB HTTPCode_ELB_502_Count", "AWS/ApplicationELB HTTPCode_ELB_503_Count", "AWS/ApplicationELB HTTPCode_ELB_504_Count",
		"AWS/ApplicationELB HTTP_Fixed_Response_Count", "AWS/ApplicationELB HTTPCode_Target_5XX_Count",
		// Of every target group of this load balancer.
		`SELECT MAX(UnHealthyHostCount) FROM SCHEMA("AWS/ApplicationELB", LoadBalancer, TargetGroup) WHERE LoadBalancer = '<ECSALB.LoadBalancerFullName>'`,
		"Splitboard/STACK HoldTime", "Splitboard/STACK NoOwner",
	} {
		if !strings.Contains(all, want) {
			say(templateFile, "no alarm watches %s", want)
		}
	}
	s.checkFilters(say)
}

// metric gives the name of the metric that an alarm, a query of one, or a filter has.
func metric(v any) string {
	space := dig(v, "Namespace")
	if space == nil {
		space = dig(v, "MetricNamespace")
	}
	return fmt.Sprint(space, " ", dig(v, "MetricName"))
}

var quoted = regexp.MustCompile(`"([^"]+)"`)

// checkFilters wants both metrics to be made of every service's log.
func (s *set) checkFilters(say report) {
	filters := s.template.ofType("AWS::Logs::MetricFilter")
	found := make([]string, 0, len(filters))
	for _, filter := range filters {
		group := s.template.resource(trim(filter.text("LogGroupName")), anyWorld())
		transformation := filter.property("MetricTransformations", 0)
		pattern := filter.text("FilterPattern")
		found = append(found, fmt.Sprintf("%s of %s", metric(transformation), group.text("LogGroupName")))
		for _, text := range quoted.FindAllStringSubmatch(pattern, -1) {
			if !s.written(text[1], say) {
				say(templateFile, "%s waits for the line %q, which no program writes", filter.name, text[1])
			}
		}
		if field, ok := strings.CutPrefix(fmt.Sprint(dig(transformation, "MetricValue")), "$."); ok && !s.written(field, say) {
			say(templateFile, "%s reads the field %q, which no program writes", filter.name, field)
		}
	}
	for _, name := range names {
		for _, m := range []string{"HoldTime", "NoOwner"} {
			if want := "Splitboard/STACK " + m + " of /splitboard/" + name; !slices.Contains(found, want) {
				say(templateFile, "no filter makes the metric %s", want)
			}
		}
	}
}

// written tells whether the text is a string in the code that decides who owns a store.
func (s *set) written(text string, say report) bool {
	const code = "internal/lease"
	files, err := fs.Glob(s.repository, code+"/*.go")
	if err != nil || len(files) == 0 {
		say(code, "cannot be read: %v", err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		data, err := fs.ReadFile(s.repository, file)
		return err == nil && !strings.HasSuffix(file, "_test.go") && bytes.Contains(data, []byte(`"`+text+`"`))
	})
}
