//! Equal shares of what there is, as far as wishes go.

/// How much each of these gets of `capacity`, in the order in which they were given: nobody more
/// than it wishes, nobody less than another who wishes as much; what cannot be divided goes to the
/// first. One who is alone gets everything.
pub(super) fn shares(capacity: u32, wishes: &[u32]) -> Vec<u32> {
    if let [_] = wishes {
        return vec![capacity];
    }
    let mut given = vec![0; wishes.len()];
    let mut left = capacity;
    loop {
        let open: Vec<usize> = given
            .iter()
            .zip(wishes)
            .enumerate()
            .filter(|(_, (given, wish))| given < wish)
            .map(|(index, _)| index)
            .collect();
        let count = u32::try_from(open.len()).unwrap_or(u32::MAX);
        if count == 0 || left == 0 {
            return given;
        }
        // At least one each as long as there is something: the first get what is left over.
        let each = (left / count).max(1);
        for index in open {
            let (Some(has), Some(wish)) = (given.get_mut(index), wishes.get(index)) else {
                continue;
            };
            let more = each.min(wish - *has).min(left);
            *has += more;
            left -= more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_equal_as_far_as_wishes_go() {
        assert_eq!(shares(8, &[]), [0; 0]);
        assert_eq!(shares(8, &[1]), [8]);
        assert_eq!(shares(8, &[1, 100]), [1, 7]);
        assert_eq!(shares(8, &[100, 100]), [4, 4]);
        assert_eq!(shares(8, &[100, 100, 100]), [3, 3, 2]);
        assert_eq!(shares(8, &[2, 3, 100]), [2, 3, 3]);
        assert_eq!(shares(8, &[2, 2, 2]), [2, 2, 2]);
        assert_eq!(shares(2, &[5, 5, 5, 5]), [1, 1, 0, 0]);
        assert_eq!(shares(0, &[5, 5]), [0, 0]);
        assert_eq!(shares(u32::MAX, &[u32::MAX, u32::MAX]), [u32::MAX / 2 + 1, u32::MAX / 2]);
    }
}
