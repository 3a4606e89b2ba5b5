//! AWS partitions by region: the parts of ARNs and host names that differ between them, in one table.
//!
//! Sources: [partitions](https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html),
//! `partitions.json` and IAM's endpoint rule set of botocore 1.44.8.

/// A partition: a group of regions with accounts, ARNs and a domain of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its name, the second part of each of its ARNs (`aws-cn`).
    pub name: &'static str,
    /// The prefix of its regions' names (`cn-`).
    prefix: &'static str,
    /// The domain of its services (`amazonaws.com.cn`).
    pub dns_suffix: &'static str,
    /// The host of IAM, one for all of its regions.
    pub iam_host: &'static str,
    /// The region that requests to IAM are signed for.
    pub iam_region: &'static str,
    /// The identity provider of Cognito identity pools: the federated principal in trust policies, and the prefix of condition
    /// keys.
    pub identity_provider: &'static str,
}

/// The partition of every region that no other prefix names.
const AWS: Partition = Partition {
    name: "aws",
    prefix: "",
    dns_suffix: "amazonaws.com",
    iam_host: "iam.amazonaws.com",
    iam_region: "us-east-1",
    identity_provider: "cognito-identity.amazonaws.com",
};

const PARTITIONS: [Partition; 8] = [
    Partition {
        name: "aws-cn",
        prefix: "cn-",
        dns_suffix: "amazonaws.com.cn",
        iam_host: "iam.cn-north-1.amazonaws.com.cn",
        iam_region: "cn-north-1",
        // Only Beijing has identity pools (https://docs.amazonaws.cn/en_us/aws/latest/userguide/cognito.html).
        identity_provider: "cognito-identity.cn-north-1.amazonaws.com.cn",
    },
    Partition {
        name: "aws-us-gov",
        prefix: "us-gov-",
        iam_host: "iam.us-gov.amazonaws.com",
        iam_region: "us-gov-west-1",
        // https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-cog.html
        identity_provider: "cognito-identity-us-gov.amazonaws.com",
        ..AWS
    },
    Partition {
        name: "aws-eusc",
        prefix: "eusc-",
        dns_suffix: "amazonaws.eu",
        iam_host: "iam.eusc-de-east-1.amazonaws.eu",
        iam_region: "eusc-de-east-1",
        ..AWS
    },
    Partition {
        name: "aws-iso",
        prefix: "us-iso-",
        dns_suffix: "c2s.ic.gov",
        iam_host: "iam.us-iso-east-1.c2s.ic.gov",
        iam_region: "us-iso-east-1",
        ..AWS
    },
    Partition {
        name: "aws-iso-b",
        prefix: "us-isob-",
        dns_suffix: "sc2s.sgov.gov",
        iam_host: "iam.us-isob-east-1.sc2s.sgov.gov",
        iam_region: "us-isob-east-1",
        ..AWS
    },
    Partition {
        name: "aws-iso-e",
        prefix: "eu-isoe-",
        dns_suffix: "cloud.adc-e.uk",
        iam_host: "iam.eu-isoe-west-1.cloud.adc-e.uk",
        iam_region: "eu-isoe-west-1",
        ..AWS
    },
    Partition {
        name: "aws-iso-f",
        prefix: "us-isof-",
        dns_suffix: "csp.hci.ic.gov",
        iam_host: "iam.us-isof-south-1.csp.hci.ic.gov",
        iam_region: "us-isof-south-1",
        ..AWS
    },
    AWS,
];

impl Partition {
    /// The partition of a region, by its name's prefix; `aws` if no other matches.
    #[must_use]
    pub fn of(region: &str) -> &'static Self {
        PARTITIONS.iter().find(|partition| region.starts_with(partition.prefix)).unwrap_or(&AWS)
    }

    /// The partition with this name, as in ARNs.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        PARTITIONS.iter().find(|partition| partition.name == name)
    }

    /// The host of a service in a region of this partition (`kinesis.cn-north-1.amazonaws.com.cn`).
    #[must_use]
    pub fn host(&self, service: &str, region: &str) -> String {
        [service, ".", region, ".", self.dns_suffix].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_the_arns_and_hosts_of_its_partition() {
        for (region, name, host) in [
            ("us-east-1", "aws", "kinesis.us-east-1.amazonaws.com"),
            ("eu-central-1", "aws", "kinesis.eu-central-1.amazonaws.com"),
            ("mx-central-1", "aws", "kinesis.mx-central-1.amazonaws.com"),
            ("cn-north-1", "aws-cn", "kinesis.cn-north-1.amazonaws.com.cn"),
            ("cn-northwest-1", "aws-cn", "kinesis.cn-northwest-1.amazonaws.com.cn"),
            ("us-gov-east-1", "aws-us-gov", "kinesis.us-gov-east-1.amazonaws.com"),
            ("eusc-de-east-1", "aws-eusc", "kinesis.eusc-de-east-1.amazonaws.eu"),
            ("us-iso-west-1", "aws-iso", "kinesis.us-iso-west-1.c2s.ic.gov"),
            ("us-isob-east-1", "aws-iso-b", "kinesis.us-isob-east-1.sc2s.sgov.gov"),
            ("eu-isoe-west-1", "aws-iso-e", "kinesis.eu-isoe-west-1.cloud.adc-e.uk"),
            ("us-isof-east-1", "aws-iso-f", "kinesis.us-isof-east-1.csp.hci.ic.gov"),
            ("", "aws", "kinesis..amazonaws.com"),
        ] {
            let partition = Partition::of(region);
            assert_eq!((partition.name, partition.host("kinesis", region).as_str()), (name, host));
            assert_eq!(Partition::named(name), Some(partition));
            assert_eq!(Partition::of(partition.iam_region), partition, "IAM is in a region of its partition");
        }
        assert_eq!(Partition::named("aws-moon"), None);
    }

    #[test]
    fn iam_of_a_partition_is_in_its_own_domain() {
        for partition in PARTITIONS {
            assert!(partition.iam_host.ends_with(partition.dns_suffix), "{partition:?}");
        }
    }
}
